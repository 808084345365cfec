# Rscript make.R DIRECTORY: how the .rds files beside this were made (with R 4.2.2).
# Small files of every kind of item that results of doAzureParallel hold.
directory <- commandArgs(trailingOnly = TRUE)[1]

save <- function(object, name) {
  for (version in 2:3) saveRDS(object, file.path(directory, sprintf("%s-v%d.rds", name, version)), version = version)
}
# As the worker does it.
numbered <- function(list, start) { names(list) <- seq(start, start + length(list) - 1); list }
failing <- function(expr) tryCatch(expr, error = function(e) e)
half <- function(x) { if (x > 2) stop("x is too large: ", x); x / 2 }

save(numbered(list(1, "two", NULL), 1), "values")
save(numbered(list(half(1), failing(half(3)), failing(stop("no call", call. = FALSE))), 4), "errors")
custom <- structure(class = c("myError", "error", "condition"), list(message = "caf\u00e9 \u2615", call = quote(f(x, y = "a")[[1]]$b), more = 1:3))
save(numbered(list(failing(stop(custom)), try(log(-1:1 + "a"), silent = TRUE), structure(class = c("simpleWarning", "warning", "condition"), list(message = "no error", call = NULL))), 1), "other-errors")
save(numbered(as.list(1:150), 1), "many")

shared <- new.env()
shared$value <- pi
compiled <- compiler::cmpfun(function(n) { total <- 0; for (i in seq_len(n)) total <- total + if (i %% 2) i else -i; total })
setClass("Point", representation(x = "numeric"))
latin1 <- "caf\xe9"
Encoding(latin1) <- "latin1"
kinds <- list(
  NULL, c(TRUE, NA), c(1L, NA, -5L), c(1.5, NA, Inf, -Inf, NaN), c(1i, NA), as.raw(0:255), c("a", NA, "caf\u00e9", latin1, ""),
  1:1000, seq(2, 2000, by = 1), as.character(1:100), sort(c(3, 1, 2)), list(list(list())), data.frame(a = 1:2, b = c("x", "y")),
  factor(c("u", "v")), as.POSIXct(0, origin = "1970-01-01", tz = "UTC"), quote(a + b[c, ]), as.pairlist(list(a = 1, b = 2)), expression(x, y + 1),
  y ~ x, shared, list(shared, environment(compiled)), globalenv(), baseenv(), emptyenv(), asNamespace("stats"),
  as.environment("package:stats"), function(a, b = 2, ...) NULL, compiled, sum, `if`, new("Point", x = 1), matrix(1:4, 2, dimnames = list(NULL, c("p", "q"))),
  as.symbol("caf\u00e9"), lm(dist ~ speed, cars)$call, structure(1:3, class = "mine", note = "n")
)
save(numbered(kinds, 1), "kinds")

# A good element that refers to a symbol and to an environment first met in the error before it.
home <- new.env()
home$kept <- "reached"
local({ within <- function() kept; again <- function(f) stop("with a function") }, home)
save(numbered(list(failing(do.call(home$again, list(home$within))), home$within, quote(kept)), 1), "refers-to-error")

# What a client submits: the environment of a job, with a token that nobody is to see, and its metadata.
globals <- new.env()
assign("argsList", lapply(1:10, function(i) list(i = i)), globals)
assign("chunkSize", 3, globals)
assign("packages", c("stats", "utils"), globals)
assign("github", "azure/rAzureBatch@v0.7.0", globals)
assign("bioconductor", NULL, globals)
assign("inputs", list(name = "in", sasToken = list(sig = "SECRETSIGNATURE")), globals)
assign("exportenv", local({ x <- 1; environment() }), globals)
assign("expr", quote(sqrt(i)), globals)
assign("localCombine", compiler::cmpfun(function(a, ...) c(a, list(...))), globals)
save(globals, "environment")
save(paste0("<metadata><enableCloudCombine>TRUE</enableCloudCombine><chunkSize>3</chunkSize><packages>stats;utils</packages>",
  "<errorHandling>stop</errorHandling><wait>FALSE</wait></metadata>"), "metadata")

small <- numbered(list(1), 1)
saveRDS(small, file.path(directory, "uncompressed.rds"), compress = FALSE)
saveRDS(small, file.path(directory, "bzip2.rds"), compress = "bzip2")
saveRDS(small, file.path(directory, "xz.rds"), compress = "xz")
saveRDS(small, file.path(directory, "ascii.rds"), ascii = TRUE)
