# Reference values for binormal ROC curves and two-way clustered proportions.
# Run from this folder: Rscript stats_readers.R (needs jsonlite and sandwich).
suppressMessages(library(sandwich))
library(jsonlite)

# The likelihood with free thresholds, maximised by a general optimiser.
fit <- function(negative, positive) {
  k <- length(negative)
  loss <- function(p) {
    cuts <- p[3] + c(0, cumsum(exp(p[-(1:3)])))
    cells <- function(z) pmax(diff(c(0, pnorm(z), 1)), 1e-300)
    -sum(negative * log(cells(cuts))) - sum(positive * log(cells(exp(p[2]) * cuts - p[1])))
  }
  start <- c(1, 0, qnorm((negative[1] + 0.5) / (sum(negative) + 1)), rep(-1, k - 2))
  found <- optim(start, loss, method = "BFGS", hessian = TRUE,
                 control = list(reltol = 1e-15, maxit = 5000))
  found <- optim(found$par, loss, method = "BFGS", hessian = TRUE,
                 control = list(reltol = 1e-15, maxit = 5000))
  b <- exp(found$par[2])
  list(negative = negative, positive = positive, intercept = found$par[1], slope = b,
       area = pnorm(found$par[1] / sqrt(1 + b^2)))
}
curves <- list(
  fit(c(33, 6, 6, 11, 2), c(3, 2, 2, 11, 33)),
  fit(c(21, 35, 5, 6, 2), c(1, 8, 1, 2, 34)),
  fit(c(40, 25, 15, 10, 10), c(8, 12, 20, 25, 35))
)

set.seed(3)
reads <- expand.grid(case = 1:25, reader = 1:6)
reads$hit <- rbinom(150, 1, plogis(rnorm(25)[reads$case] + rnorm(6)[reads$reader]))
model <- lm(hit ~ 1, reads)
case <- vcovCL(model, ~case, type = "HC0", cadjust = TRUE)
reader <- vcovCL(model, ~reader, type = "HC0", cadjust = TRUE)
both <- vcovCL(model, ~ case:reader, type = "HC0", cadjust = TRUE)
two_way <- vcovCL(model, ~ case + reader, type = "HC0", cadjust = TRUE)

write_json(list(curves = curves,
                reads = list(case = reads$case, reader = reads$reader, hit = reads$hit,
                             variance = c(two_way), case_variance = c(case),
                             reader_variance = c(reader))),
           "stats_readers.json", digits = NA, auto_unbox = TRUE)
