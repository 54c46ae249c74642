package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.Part;
import io.github.wandacuda.job.PruneRequest;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.report.PruneReport.Perplexities;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Prints the result of a run of {@code prune}.
 *
 * @param request the run's request
 * @param backend the backend that did the work
 */
record PrunePrinter(PruneRequest request, Backend backend) {

  void print(
      RunResult result,
      Optional<Perplexities> perplexities,
      MemoryWatch memory,
      OutputOptions output) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("output", request.output().toString());
    object.put("method", request.rules().method());
    object.put("backend", backend.name());
    object.put("device", backend.device());
    object.put("precision", Precision.label(backend.precision()));
    object.put("modules", result.provenance().modules().size());
    object.put("pruned", result.pruned());
    object.put("sparsity", result.sparsity());
    object.put("dead_columns", result.deadColumns());
    object.put("zero_rows", result.zeroRows());
    result.relativeError().ifPresent(error -> object.put("relative_error", error));
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    object.put("seconds", result.seconds().toJson());
    memory.addTo(object);
    object.put("mask_sha256", result.maskSha256());
    Optional.ofNullable(result.part()).ifPresent(part -> object.put("part", json(part)));
    output.written(object, () -> Stream.concat(text(result), text(perplexities)));
  }

  private static Map<String, Object> json(Part.PartState part) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("number", part.part().number());
    object.put("of", part.part().of());
    object.put("done", part.done());
    object.put("finished", part.finished());
    return object;
  }

  /** Returns what was done, in words. */
  private String title(RunResult result) {
    Part.PartState part = result.part();
    boolean nothing = result.wasFinished();
    String done =
        nothing
            ? "finished before, nothing was done"
            : "%s, %s, on %s"
                .formatted(request.rules().label(), request.rules().amount(), backend.name());
    return part == null ? done : "%s: %s".formatted(part, nothing ? "finished" : done);
  }

  /** Returns the count of dead columns in words, which needs norms. */
  private String deadColumns(RunResult result) {
    return !request.rules().needNorms()
        ? "no norms of columns were measured"
        : "%d columns whose norm is 0".formatted(result.deadColumns());
  }

  /** Returns in words how far outputs are off, which needs second moments. */
  private static String relativeError(RunResult result) {
    return result.relativeError().stream()
        .filter(Double::isFinite)
        .mapToObj(", outputs off by %.4f of their squares"::formatted)
        .findFirst()
        .orElse("");
  }

  private static Stream<String> text(Optional<Perplexities> perplexities) {
    return perplexities.stream()
        .map(
            both ->
                "  text     perplexity %.4f before, %.4f after"
                    .formatted(both.before(), both.after()));
  }

  private Stream<String> text(RunResult result) {
    return MultilineText.of(
        """
        %s: %s
          modules  %d
          weights  %d, of which %d are now zero (%.2f %%)
          numbers  %s, %d rows that are all zero%s
          masks    %s
          seconds  %s%s\
        """,
        request.output(),
        title(result),
        result.provenance().modules().size(),
        result.elements(),
        result.zeros(),
        100 * result.sparsity(),
        deadColumns(result),
        result.zeroRows(),
        relativeError(result),
        result.maskSha256() == null ? "when all parts are done" : "sha256 " + result.maskSha256(),
        result.seconds().text(),
        request.verify() ? "" : ", not verified");
  }
}
