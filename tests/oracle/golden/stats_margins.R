# Reference values for marginal means, predictive values and sample sizes.
# Run from this folder: Rscript stats_margins.R (needs emmeans, epiR and jsonlite).
suppressMessages({ library(emmeans); library(epiR) })
library(jsonlite)

# Areas of readers under treatments, in two tables. With cases fixed, a reader study is a two-way
# analysis of variance of its areas.
set.seed(12)
studies <- lapply(list(c(2, 5), c(3, 6)), function(shape) {
  x <- expand.grid(reader = factor(seq_len(shape[2])), treatment = factor(seq_len(shape[1])))
  x$area <- round(0.8 + 0.02 * as.integer(x$treatment) + rnorm(nrow(x), 0, 0.03), 4)
  model <- lm(area ~ treatment + reader, x)
  found <- confint(pairs(emmeans(model, "treatment")), adjust = "none")
  p <- summary(pairs(emmeans(model, "treatment")), adjust = "none")
  test <- anova(model)["treatment", ]
  list(areas = matrix(x$area, shape[1], byrow = TRUE), estimate = found$estimate, se = found$SE,
       df = found$df, low = found$lower.CL, high = found$upper.CL, t = p$t.ratio,
       statistic = test[["F value"]], p = test[["Pr(>F)"]])
})

# Right decisions in four classes; their marginal mean, and the contrast of two subgroups.
truth <- sample(0:3, 160, replace = TRUE, prob = c(0.5, 0.3, 0.15, 0.05))
right <- rbinom(160, 1, c(0.9, 0.8, 0.7, 0.6)[truth + 1])
classes <- lm(right ~ class, data.frame(right, class = factor(truth)))
balanced <- summary(emmeans(classes, ~1))$emmean
member <- rbinom(160, 1, 0.4)
halves <- lm(right ~ member, data.frame(right, member = factor(member)))
between <- -summary(pairs(emmeans(halves, "member")))$estimate

tables <- lapply(list(c(90, 10, 20, 80), c(670, 202, 74, 640), c(7, 3, 2, 31)), function(x) {
  found <- epi.tests(as.table(matrix(c(x[1], x[3], x[2], x[4]), 2, byrow = TRUE)))$detail
  row <- function(name) found$est[found$statistic == name]
  list(counts = x, prevalence = row("tp"), positive = row("pv.pos"), negative = row("pv.neg"))
})

plans <- lapply(list(c(0.9, 0.85, 0.2, 0.1), c(0.97, 0.9, 0.05, 0.03)), function(x) {
  size <- function(share, type) {
    epi.ssdxsesp(share, type, Py = x[3], epsilon = x[4], error = "absolute", nfractional = TRUE)
  }
  list(sensitivity = x[1], specificity = x[2], prevalence = x[3], half_width = x[4],
       positive = size(x[1], "se") * x[3], negative = size(x[2], "sp") * (1 - x[3]))
})

write_json(
  list(
    versions = list(
      R = R.version.string, emmeans = as.character(packageVersion("emmeans")),
      epiR = as.character(packageVersion("epiR"))
    ),
    studies = studies, truth = truth, right = right, member = member, balanced = balanced,
    between = between, tables = tables, plans = plans
  ),
  "stats_margins.json", digits = NA, auto_unbox = TRUE
)
