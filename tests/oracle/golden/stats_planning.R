# Reference values for multiplicity and planning.
# Run from this folder: Rscript stats_planning.R (needs jsonlite).
library(jsonlite)
p <- c(0.04, 0.001, NA, 0.2, 0.013, 0.013, 0.9, 0.0004, NA, 0.06)

# Exact power of McNemar's test by adding up every table.
power <- function(b, c, n, alpha, mid) {
  total <- 0
  for (d in 1:n) for (k in 0:d) {
    least <- min(k, d - k)
    exact <- min(1, 2 * pbinom(least, d, 0.5))
    p <- if (!mid) exact else if (2 * k == d) 1 - dbinom(k, d, 0.5) / 2 else
      exact - dbinom(k, d, 0.5)
    if (p <= alpha) total <- total + dbinom(d, n, b + c) * dbinom(k, d, b / (b + c))
  }
  total
}
write_json(list(
  p = p, holm = p.adjust(p, "holm"), hochberg = p.adjust(p, "hochberg"),
  bh = p.adjust(p, "BH"),
  power = list(
    list(b = 0.2, c = 0.05, n = 60, alpha = 0.05, exact = power(0.2, 0.05, 60, 0.05, FALSE),
         mid = power(0.2, 0.05, 60, 0.05, TRUE)),
    list(b = 0.02, c = 0.3, n = 25, alpha = 0.01, exact = power(0.02, 0.3, 25, 0.01, FALSE),
         mid = power(0.02, 0.3, 25, 0.01, TRUE)),
    list(b = 0.1, c = 0.1, n = 80, alpha = 0.05, exact = power(0.1, 0.1, 80, 0.05, FALSE),
         mid = power(0.1, 0.1, 80, 0.05, TRUE))
  )
), "stats_planning.json", digits = NA, auto_unbox = TRUE, na = "null")
