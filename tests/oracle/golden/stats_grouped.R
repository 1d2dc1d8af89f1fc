# Variances and degrees of freedom of means over unequal groups.
# Run from this folder: Rscript stats_grouped.R (needs clubSandwich and jsonlite).
# "plain" is clubSandwich's CR2 with independent errors as working model. "exchangeable" is the same
# estimator (Pustejovsky & Tipton 2018, eq. 9 and 11) in dense matrices, with one correlation within
# groups, taken from R's analysis of variance; "floor" is the variance from components in which every
# group counts alike.
suppressMessages(library(clubSandwich))
library(jsonlite)

root <- function(m) {
  e <- eigen(m, symmetric = TRUE)
  keep <- e$values > 1e-10
  v <- e$vectors[, keep, drop = FALSE]
  v %*% diag(1 / sqrt(e$values[keep]), sum(keep)) %*% t(v)
}

exchangeable <- function(y, group) {
  n <- length(y)
  table <- anova(lm(y ~ factor(group)))
  sizes <- as.numeric(table(group))
  between <- table[1, "Mean Sq"]
  within <- table[2, "Mean Sq"]
  size <- (n - sum(sizes^2) / n) / (length(sizes) - 1)
  rho <- min(1, max(0, (between - within) / (between + (size - 1) * within)))
  phi <- outer(group, group, "==") * rho
  diag(phi) <- 1
  residual <- diag(n) - 1 / n
  spread <- residual %*% phi %*% residual
  rows <- sapply(unique(group), function(g) {
    own <- group == g
    d <- chol(phi[own, own, drop = FALSE] + 1e-300)
    b <- d %*% spread[own, own, drop = FALSE] %*% t(d)
    adjust <- t(d) %*% root(b) %*% d
    as.numeric(rep(1 / n, sum(own)) %*% adjust %*% residual[own, , drop = FALSE])
  })
  variance <- sum(as.numeric(y %*% rows)^2)
  form <- t(rows) %*% phi %*% rows
  means <- tapply(y, group, mean)
  inner <- tapply(y, group, var)
  w <- mean(inner[sizes > 1])
  b <- var(as.numeric(means)) - w * mean(1 / sizes)
  floor <- if (b > 0) sum((sizes / n)^2 * (b + w / sizes)) else 0
  list(correlation = rho, variance = variance, df = sum(diag(form))^2 / sum(form^2), floor = floor)
}

set.seed(31)
designs <- list(
  c(1, 1, 2, 2, 3, 3, 4, 5, 6, 8), c(rep(1:3, 6), 40, 55), c(2, 3, 4, 30), rep(c(1, 2, 9), 12), rep(4, 8)
)
cases <- lapply(designs, function(sizes) {
  group <- rep(seq_along(sizes), sizes)
  y <- round(rnorm(length(sizes))[group] + rnorm(length(group)), 6)
  side <- rep(c(1, 0), length.out = length(group))
  one <- lm(y ~ 1)
  two <- lm(y ~ side)
  test <- coef_test(one, vcov = "CR2", cluster = group, test = "Satterthwaite")
  apart <- coef_test(two, vcov = "CR2", cluster = group, test = "Satterthwaite")
  list(
    y = y, group = group, side = side,
    plain = list(variance = test$SE[1]^2, df = test$df_Satt[1]),
    difference = list(variance = apart$SE[2]^2, df = apart$df_Satt[2]),
    exchangeable = exchangeable(y, group)
  )
})
write_json(
  list(
    versions = list(R = R.version.string, clubSandwich = as.character(packageVersion("clubSandwich"))),
    cases = cases
  ),
  "stats_grouped.json",
  digits = NA, auto_unbox = TRUE
)
