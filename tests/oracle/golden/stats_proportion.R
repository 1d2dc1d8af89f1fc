# Reference values for proportions and paired binary data.
# Run from this folder: Rscript stats_proportion.R (needs survey and jsonlite).
suppressMessages(library(survey))
library(jsonlite)

intervals <- list()
for (n in c(1, 2, 7, 20, 29, 148, 263, 2003, 100000)) {
  # 1683 and 1342 of 2003 are the 84 % and 67 % of Allyn et al. 2020, before and after the attack.
  published <- if (n == 2003) c(1683, 1342)
  for (k in unique(c(0, 1, n %/% 10, n %/% 3, n - 1, n, published))) {
    if (k > n) next
    for (level in c(0.8, 0.95, 0.99)) {
      tail <- (1 - level) / 2
      wilson <- suppressWarnings(prop.test(k, n, conf.level = level, correct = FALSE))$conf.int
      exact <- binom.test(k, n, conf.level = level)$conf.int
      jeffreys <- qbeta(c(tail, 1 - tail), k + 0.5, n - k + 0.5)
      if (k == 0) jeffreys[1] <- 0
      if (k == n) jeffreys[2] <- 1
      intervals[[length(intervals) + 1]] <- list(
        k = k, n = n, level = level, wilson = c(wilson), exact = c(exact), jeffreys = jeffreys
      )
    }
  }
}

set.seed(20)
clustered <- lapply(c(8, 40, 300), function(groups) {
  sizes <- sample(1:9, groups, replace = TRUE)
  group <- rep(seq_len(groups), sizes)
  own <- rbeta(groups, 1.5, 1)
  before <- rbinom(length(group), 1, own[group])
  after <- before * rbinom(length(group), 1, 0.7)
  truth <- rep(sample(c("a", "b", "c"), groups, replace = TRUE, prob = c(6, 3, 1)), sizes)
  design <- svydesign(ids = ~group, weights = ~1, data = data.frame(group, before, after))
  means <- svymean(~ before + after, design)
  # The mean of per-class recalls as a non-linear function of totals, by survey's own delta method.
  hit <- sapply(c("a", "b", "c"), function(name) before * (truth == name))
  size <- sapply(c("a", "b", "c"), function(name) 1 * (truth == name))
  wide <- data.frame(group, hit = hit, size = size)
  names(wide) <- c("group", "ha", "hb", "hc", "sa", "sb", "sc")
  totals <- svytotal(~ ha + hb + hc + sa + sb + sc, svydesign(ids = ~group, weights = ~1, data = wide))
  balanced <- svycontrast(totals, quote((ha / sa + hb / sb + hc / sc) / 3))
  list(
    group = group, before = before, after = after, truth = truth,
    value = coef(means)[["before"]],
    variance = vcov(means)[1, 1],
    difference_variance = vcov(means)[1, 1] + vcov(means)[2, 2] - 2 * vcov(means)[1, 2],
    balanced = coef(balanced)[[1]],
    balanced_variance = c(vcov(balanced))
  )
})

mcnemar <- lapply(list(c(0, 1), c(1, 7), c(12, 12), c(16, 6), c(40, 20), c(150, 86), c(900, 1)),
  function(pair) {
    table <- matrix(c(50, pair[2], pair[1], 50), 2)
    list(
      b = pair[1], c = pair[2],
      exact = binom.test(pair[1], sum(pair))$p.value,
      asymptotic = mcnemar.test(table, correct = FALSE)$p.value,
      statistic = mcnemar.test(table, correct = FALSE)$statistic[[1]],
      corrected = mcnemar.test(table, correct = TRUE)$p.value
    )
  })

p <- c(0.04, 0.001, NA, 0.2, 0.013, 0.013, 0.9, 0.0004, NA, 0.06)
adjusted <- list(p = p, holm = p.adjust(p, "holm"))

write_json(
  list(intervals = intervals, clustered = clustered, mcnemar = mcnemar, adjusted = adjusted),
  "stats_proportion.json", digits = NA, auto_unbox = TRUE, na = "null"
)
