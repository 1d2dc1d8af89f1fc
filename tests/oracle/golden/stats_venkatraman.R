# Venkatraman's unpaired statistic where the samples differ in size, by pROC.
# Run from this folder: Rscript stats_venkatraman.R (needs pROC and jsonlite).
# pROC 1.18 takes (m1 + m2) / (n1 + n1) for the common share of positives, which is
# (m1 + m2) / (n1 + n2) in the paper; "share" is what it took.
suppressMessages(library(pROC))
library(jsonlite)
set.seed(17)
truth <- c(rbinom(80, 1, 0.4), rbinom(150, 1, 0.3))
score <- round(rnorm(230) + truth * c(rep(1, 80), rep(0.8, 150)), 6)
one <- roc(truth[1:80], score[1:80], levels = c(0, 1), direction = "<", quiet = TRUE)
two <- roc(truth[81:230], score[81:230], levels = c(0, 1), direction = "<", quiet = TRUE)
found <- roc.test(one, two, paired = FALSE, method = "venkatraman", boot.n = 2, progress = "none")
write_json(
  list(
    version = as.character(packageVersion("pROC")), truth = truth, score = score,
    statistic = unname(found$statistic), share = sum(truth) / (80 + 80)
  ),
  "stats_venkatraman.json", digits = NA, auto_unbox = TRUE
)
