# Reference values for calibration, likelihood ratios, correlation and stratified tables.
# Run from this folder: Rscript stats_clinical.R (needs rms, epiR, sandwich and jsonlite).
suppressMessages({ library(rms); library(epiR); library(sandwich) })
library(jsonlite)

# Breslow and Day's statistic with Tarone's correction, the expected counts by a search for the root.
tarone <- function(tables, ratio) {
  parts <- sapply(tables, function(t) {
    m <- t[1] + t[2]; k <- t[3] + t[4]; e <- t[1] + t[3]
    off <- function(a) log(a) + log(k - e + a) - log(m - a) - log(e - a) - log(ratio)
    ends <- c(max(0, e - k), min(m, e)) + c(1e-12, -1e-12)
    a <- uniroot(off, ends, tol = 1e-14, maxiter = 1e5)$root
    c(t[1] - a, 1 / (1 / a + 1 / (m - a) + 1 / (e - a) + 1 / (k - e + a)))
  })
  sum(parts[1, ]^2 / parts[2, ]) - sum(parts[1, ])^2 / sum(parts[2, ])
}

set.seed(41)
calibrations <- lapply(c(60, 400), function(n) {
  p <- round(plogis(rnorm(n, -0.5, 1.3)), 4)
  truth <- rbinom(n, 1, plogis(0.3 + 0.7 * qlogis(p)))
  odds <- qlogis(p)
  fit <- glm(truth ~ odds, family = binomial, control = list(epsilon = 1e-14))
  large <- glm(truth ~ 1, offset = odds, family = binomial, control = list(epsilon = 1e-14))
  found <- val.prob(p, truth, pl = FALSE)
  group <- rep(seq_len(n / 4), each = 4)
  list(
    truth = truth, p = p, group = group,
    intercept = coef(fit)[[1]], slope = coef(fit)[[2]],
    intercept_variance = vcov(fit)[1, 1], slope_variance = vcov(fit)[2, 2],
    large = coef(large)[[1]], large_variance = vcov(large)[1, 1],
    clustered = vcovCL(fit, group, type = "HC0")[2, 2],
    brier = found[["Brier"]], val_slope = found[["Slope"]], val_intercept = found[["Intercept"]]
  )
})

ratios <- lapply(list(c(90, 10, 20, 80), c(670, 202, 74, 640), c(7, 3, 2, 31)), function(x) {
  # tests: rows result, columns disease
  table <- matrix(c(x[1], x[3], x[2], x[4]), 2, byrow = TRUE)
  found <- epi.tests(as.table(table))$detail
  row <- function(name) unlist(found[found$statistic == name, c("est", "lower", "upper")])
  # epiR's score interval reads the table with exposure in columns.
  cohort <- matrix(c(x[1], x[3], x[2], x[4]), 2, byrow = TRUE)
  score <- epi.2by2(as.table(cohort), method = "cohort.count")$massoc.detail$RR.strata.score
  list(counts = x, positive = row("lr.pos"), negative = row("lr.neg"), score = unlist(score[1:3]))
})

strata <- list(
  list(c(10, 90, 20, 80), c(30, 70, 40, 60)),
  list(c(4, 16, 9, 12), c(7, 30, 15, 21), c(12, 11, 20, 9)),
  list(c(1, 24, 4, 19), c(3, 17, 2, 22), c(5, 12, 9, 11), c(0, 8, 2, 7))
)
stratified <- lapply(strata, function(tables) {
  x <- array(unlist(lapply(tables, function(t) c(t[1], t[3], t[2], t[4]))), c(2, 2, length(tables)))
  test <- mantelhaen.test(x, correct = FALSE)
  both <- epi.2by2(x, method = "cohort.count")$massoc.detail
  list(
    tables = lapply(tables, function(t) matrix(t, 2, byrow = TRUE)),
    odds = test$estimate[[1]], odds_interval = c(test$conf.int),
    statistic = test$statistic[[1]], p = test$p.value,
    risk = unlist(both$RR.mh.wald[1:3]), difference = unlist(both$ARisk.mh.sato[1:3]) / 100,
    tarone = tarone(tables, test$estimate[[1]])
  )
})
x <- rbinom(80, 1, 0.4)
y <- ifelse(runif(80) < 0.6, x, rbinom(80, 1, 0.4))
write_json(
  list(
    versions = list(
      R = R.version.string, rms = as.character(packageVersion("rms")),
      epiR = as.character(packageVersion("epiR")), sandwich = as.character(packageVersion("sandwich"))
    ),
    calibrations = calibrations, ratios = ratios, stratified = stratified,
    correlation = list(x = x, y = y, r = cor(x, y))
  ),
  "stats_clinical.json", digits = NA, auto_unbox = TRUE
)
