# Reference values for bootstrap intervals.
# Run from this folder: Rscript stats_bootstrap.R (needs boot and jsonlite).
suppressMessages(library(boot))
library(jsonlite)

set.seed(31)
x <- rexp(25)
drawn <- boot(x, function(d, w) {
  mean <- sum(d * w) / sum(w)
  c(mean, sum(w * (d - mean)^2) / sum(w) / length(d))
}, R = 999, stype = "w")
intervals <- boot.ci(drawn, conf = c(0.8, 0.95), type = c("perc", "bca", "stud"))
write_json(list(x = x, weights = boot.array(drawn),
                percentile = intervals$percent[, 4:5], bca = intervals$bca[, 4:5],
                studentised = intervals$student[, 4:5]),
           "stats_bootstrap.json", digits = NA, auto_unbox = TRUE)
