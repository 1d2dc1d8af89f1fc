# Reference values for differences of proportions, odds ratios and Cochran's Q.
# Run from this folder: Rscript stats_difference.R (needs Epi and jsonlite).
# Score limits are found here by numerical maximisation of the likelihood under each difference,
# not by the closed forms.
suppressMessages(library(Epi))
library(jsonlite)

z <- qnorm(0.975)

restricted_unpaired <- function(k1, n1, k2, n2, delta) {
  loglik <- function(p2) {
    dbinom(k1, n1, p2 + delta, log = TRUE) + dbinom(k2, n2, p2, log = TRUE)
  }
  range <- c(max(0, -delta), min(1, 1 - delta))
  p2 <- optimize(loglik, range, maximum = TRUE, tol = 1e-12)$maximum
  p1 <- p2 + delta
  n <- n1 + n2
  (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
}
limits <- function(value, variance) {
  excess <- function(delta) (value - delta)^2 - z^2 * variance(delta)
  c(
    uniroot(excess, c(-1 + 1e-9, value - 1e-4), tol = 1e-13)$root,
    uniroot(excess, c(value + 1e-4, 1 - 1e-9), tol = 1e-13)$root
  )
}
unpaired <- lapply(list(c(56, 70, 48, 80), c(9, 10, 3, 10), c(6, 7, 2, 7), c(5, 56, 0, 29),
                        c(40, 400, 900, 1800), c(1, 30, 2, 25)), function(t) {
  list(
    counts = t,
    newcombe = c(ci.pd(t[1], t[3], t[2] - t[1], t[4] - t[3], method = "Nc", print = FALSE)[1, 6:7]),
    score = limits(t[1] / t[2] - t[3] / t[4],
                   function(delta) restricted_unpaired(t[1], t[2], t[3], t[4], delta))
  )
})

restricted_paired <- function(gained, lost, n, delta) {
  # Multinomial likelihood in the share lost, the share gained being that plus delta.
  loglik <- function(lost_share) {
    rest <- 1 - 2 * lost_share - delta
    part <- function(count, share) if (count == 0) 0 else count * log(share)
    part(gained, lost_share + delta) + part(lost, lost_share) + part(n - gained - lost, rest)
  }
  range <- c(max(0, -delta), (1 - delta) / 2)
  lost_share <- optimize(loglik, range, maximum = TRUE, tol = 1e-12)$maximum
  (2 * lost_share + delta - delta^2) / n
}
paired <- lapply(list(c(59, 6, 16, 80), c(1, 1, 7, 12), c(36, 12, 2, 4), c(80, 40, 20, 20),
                      c(794, 150, 86, 570)), function(t) {
  list(counts = t, tango = limits((t[3] - t[2]) / sum(t),
       function(delta) restricted_paired(t[3], t[2], sum(t), delta)))
})

midp <- lapply(list(c(2, 27), c(16, 22), c(1, 40), c(39, 40), c(120, 1000)), function(t) {
  above <- function(p) pbinom(t[1], t[2], p, lower.tail = FALSE) + dbinom(t[1], t[2], p) / 2
  list(k = t[1], n = t[2], limits = c(
    uniroot(function(p) above(p) - 0.025, c(1e-9, t[1] / t[2]), tol = 1e-14)$root,
    uniroot(function(p) above(p) - 0.975, c(t[1] / t[2], 1 - 1e-9), tol = 1e-14)$root
  ))
})

set.seed(4)
q <- lapply(c(3, 5), function(k) {
  x <- matrix(rbinom(60 * k, 1, rep(seq(0.4, 0.7, length.out = k), each = 60)), 60, k)
  long <- data.frame(x = factor(c(x)), look = factor(rep(1:k, each = 60)), id = factor(rep(1:60, k)))
  ours <- mantelhaen.test(table(long$look, long$x, long$id))
  list(x = x, statistic = ours$statistic[[1]], p = ours$p.value)
})

write_json(list(unpaired = unpaired, paired = paired, midp = midp, q = q),
           "stats_difference.json", digits = NA, auto_unbox = TRUE)
