# Reference values for means, errors and paired changes.
# Run from this folder: Rscript stats_continuous.R (needs survey and jsonlite).
suppressMessages(library(survey))
library(jsonlite)
set.seed(5)

group <- rep(1:30, sample(1:6, 30, replace = TRUE))
n <- length(group)
own <- rnorm(30)[group]
truth <- 50 + 10 * own + rnorm(n, 0, 5)
prediction <- truth + 0.5 + 2 * rnorm(30)[group] + rnorm(n, 0, 3)
frame <- data.frame(group, truth, prediction,
                    error = abs(prediction - truth), square = (prediction - truth)^2,
                    one = 1, t2 = truth^2)
design <- svydesign(ids = ~group, weights = ~1, data = frame)
mae <- svymean(~error, design)
mae_interval <- confint(mae, df = degf(design))
mse <- svymean(~square, design)
rmse <- svycontrast(mse, quote(sqrt(square)))
totals <- svytotal(~ square + truth + t2 + one, design)
r2 <- svycontrast(totals, quote(1 - square / (t2 - truth^2 / one)))

before <- round(rnorm(40, 10, 3), 1)
after <- round(before + rnorm(40, 0.5, 1.5), 1)
small_before <- rnorm(11)
small_after <- small_before + rnorm(11, 0.6)
write_json(list(
  group = group, truth = truth, prediction = prediction,
  mae = coef(mae)[[1]], mae_variance = c(vcov(mae)), mae_interval = c(mae_interval),
  rmse = coef(rmse)[[1]], rmse_variance = c(vcov(rmse)),
  r2 = coef(r2)[[1]], r2_variance = c(vcov(r2)),
  before = before, after = after,
  t = unname(t.test(after, before, paired = TRUE)$statistic),
  t_p = t.test(after, before, paired = TRUE)$p.value,
  t_interval = c(t.test(after, before, paired = TRUE)$conf.int),
  greater = t.test(after, before, paired = TRUE, mu = -1.2, alternative = "greater")$p.value,
  less = t.test(after, before, paired = TRUE, mu = 1.2, alternative = "less")$p.value,
  wilcoxon = suppressWarnings(
    wilcox.test(after, before, paired = TRUE, exact = FALSE, correct = FALSE))$p.value,
  small_before = small_before, small_after = small_after,
  small_wilcoxon = wilcox.test(small_after, small_before, paired = TRUE, exact = TRUE)$p.value
), "stats_continuous.json", digits = NA, auto_unbox = TRUE)
