# Reference values for agreement.
# Run from this folder: Rscript stats_agreement.R (needs psych, vcd, lme4 and jsonlite).
suppressMessages({
  library(psych)
  library(vcd)
  library(lme4)
  library(jsonlite)
})
set.seed(12)

draw <- function(n, q, agree) {
  a <- sample(q, n, replace = TRUE, prob = q:1)
  b <- ifelse(runif(n) < agree, a, sample(q, n, replace = TRUE))
  table(factor(a, 1:q), factor(b, 1:q))
}
tables <- list(
  observers = matrix(c(14, 13, 17, 6), 2),
  abstractors = matrix(c(13, 0, 0, 0, 20, 4, 0, 7, 56), 3),
  five = unclass(draw(200, 5, 0.5)),
  two = unclass(draw(60, 2, 0.8))
)
kappas <- lapply(tables, function(t) {
  t <- matrix(as.numeric(t), nrow(t))
  linear <- Kappa(t, weights = "Equal-Spacing")
  quadratic <- Kappa(t, weights = "Fleiss-Cohen")
  list(
    table = t,
    kappa = unname(linear$Unweighted["value"]), ase = unname(linear$Unweighted["ASE"]),
    linear = unname(linear$Weighted["value"]), linear_ase = unname(linear$Weighted["ASE"]),
    quadratic = unname(quadratic$Weighted["value"]),
    quadratic_ase = unname(quadratic$Weighted["ASE"]),
    variance = cohen.kappa(t)$var.kappa
  )
})

shrout <- matrix(c(9, 6, 8, 7, 10, 6, 2, 1, 4, 1, 5, 2, 5, 3, 6, 2, 6, 4, 8, 2, 8, 6, 9, 7), 6)
many <- matrix(rnorm(40 * 3), 40) + rnorm(40) * 1.5 + rep(c(0, 0.4, -0.3), each = 40)
iccs <- lapply(list(shrout, many), function(x) {
  found <- ICC(x, lmer = FALSE)$results
  list(x = x, value = found$ICC, low = found[["lower bound"]], high = found[["upper bound"]])
})

subject <- rep(1:15, each = 4)
first <- rnorm(60) + rnorm(15)[subject] * 2 + 5
second <- first + rnorm(60, 0.3, 0.8) + rnorm(15, 0, 0.6)[subject]
model <- lmer(d ~ 1 + (1 | subject), data.frame(d = first - second, subject))
spread <- as.data.frame(VarCorr(model))$sdcor

write_json(list(kappas = kappas, icc = iccs,
                repeated = list(subject = subject, first = first, second = second,
                                bias = unname(fixef(model)), between = spread[1],
                                within = spread[2])),
           "stats_agreement.json", digits = NA, auto_unbox = TRUE)
