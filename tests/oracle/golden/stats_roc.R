# Reference values for ROC areas.
# Run from this folder: Rscript stats_roc.R (needs pROC and jsonlite).
suppressMessages(library(pROC))
library(jsonlite)
data(aSAH)

set.seed(7)
sets <- list(
  asah = data.frame(truth = as.integer(aSAH$outcome == "Poor"), a = aSAH$s100b,
                    b = as.integer(aSAH$wfns), c = aSAH$ndka),
  ties = local({
    truth <- rbinom(150, 1, 0.4)
    base <- rnorm(150) + truth
    data.frame(truth, a = round(base), b = round(base + rnorm(150)), c = round(rnorm(150), 1))
  }),
  smooth = local({
    truth <- rbinom(400, 1, 0.2)
    base <- rnorm(400) + 1.5 * truth
    data.frame(truth, a = base, b = base + rnorm(400), c = rnorm(400) + truth)
  })
)

one <- function(d, score) roc(d$truth, d[[score]], levels = c(0, 1), direction = "<", quiet = TRUE)
part <- function(r, range, focus, correct = FALSE) {
  as.numeric(auc(r, partial.auc = range, partial.auc.focus = focus, partial.auc.correct = correct))
}

results <- lapply(sets, function(d) {
  a <- one(d, "a"); b <- one(d, "b"); c <- one(d, "c")
  half <- seq_len(nrow(d)) <= nrow(d) / 2
  first <- one(d[half, ], "a"); second <- one(d[!half, ], "b")
  unpaired <- roc.test(first, second, paired = FALSE, method = "delong")
  best <- coords(a, "best", best.method = "youden", ret = c("threshold", "youden"))
  list(
    truth = d$truth, a = d$a, b = d$b, c = d$c,
    auc = as.numeric(auc(a)), variance = var(a, method = "delong"),
    covariance = cov(a, b, method = "delong"),
    wald = c(ci.auc(a, method = "delong"))[c(1, 3)],
    z = unname(roc.test(a, b, method = "delong")$statistic),
    p = roc.test(a, b, method = "delong")$p.value,
    unpaired = unname(unpaired$statistic),
    partial = part(a, c(1, 0.8), "specificity"),
    partial_middle = part(a, c(0.9, 0.55), "specificity"),
    partial_sensitivity = part(a, c(1, 0.75), "sensitivity"),
    standardised = part(a, c(1, 0.8), "specificity", TRUE),
    sensitivities = a$sensitivities, specificities = a$specificities,
    at_specificity = coords(a, 0.83, input = "specificity", ret = "sensitivity")[[1]],
    youden = max(best$youden) - 1
  )
})

probabilities <- local({
  truth <- sample(c("x", "y", "z"), 120, replace = TRUE, prob = c(5, 3, 2))
  raw <- matrix(round(runif(360), 1), 120)
  raw <- raw + outer(truth, c("x", "y", "z"), "==") * 0.3
  scores <- round(raw / rowSums(raw), 3)
  colnames(scores) <- c("x", "y", "z")
  list(truth = truth, scores = scores,
       hand_till = as.numeric(multiclass.roc(factor(truth), scores, quiet = TRUE)$auc))
})

venkatraman <- roc.test(one(sets$smooth, "a"), one(sets$smooth, "b"), method = "venkatraman",
                        boot.n = 2000, progress = "none")

set.seed(8)
halves <- split(sets$smooth, rep(1:2, each = 200))
unpaired <- roc.test(one(halves[[1]], "a"), one(halves[[2]], "c"), paired = FALSE,
                     method = "venkatraman", boot.n = 2000, progress = "none")

write_json(list(sets = results, multiclass = probabilities,
                venkatraman = list(statistic = unname(venkatraman$statistic),
                                   p = venkatraman$p.value,
                                   unpaired = unname(unpaired$statistic),
                                   unpaired_p = unpaired$p.value)),
           "stats_roc.json", digits = NA, auto_unbox = TRUE)
