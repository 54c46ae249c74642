package io.github.wandacuda.bench.compare;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.bench.cases.PruneCase;
import io.github.wandacuda.bench.cases.StartUpCase;
import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.ZeroAgreement;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;

/** Whole runs of the program. */
final class ProgramRows {
  private static final double MEBI = 1 << 20;
  private static final double SAME_BITS = 0.999;

  /**
   * Where weights are updated too, one that rounding turned moves those to the right of it, and
   * turns some of them.
   */
  private static final double SAME_BITS_OF_UPDATED = 0.98;

  private ProgramRows() {}

  static Outcome pruneBesideCopy(Row row, Place place, Pairs pairs) {
    PruneCase prune =
        PruneCase.fromStatistics(place.memory(), place.jar(), Double.parseDouble(row.get("gib")));
    prune.check();
    // A virtual machine may give freed memory back to its host within seconds, so that a run right
    // after another's output was removed isn't what a user's run is.
    return pairs
        .rested()
        .measure(
            Unit.BYTES,
            new Pairs.Side(prune.bytes(), each(prune::prune, prune.output())),
            new Pairs.Side(prune.bytes(), each(prune::copy, prune.copied())));
  }

  /** Removes what a run wrote, outside of its time. */
  private static Work each(DoubleSupplier run, Path output) {
    return times -> {
      double seconds = 0;
      for (int i = 0; i < times; i++) {
        seconds += run.getAsDouble();
        Directories.delete(output);
      }
      return seconds;
    };
  }

  static Outcome memory(Row row, Place place, Pairs pairs) {
    double gib = Double.parseDouble(row.get("gib"));
    PruneCase prune = PruneCase.fromStatistics(place.disk(), place.jar(), gib);
    double seconds = prune.prune();
    JsonNode report = prune.report();
    double bytes = report.required("peak_anonymous_bytes").doubleValue();
    return Outcome.alone(Unit.MEBIBYTES, bytes / MEBI)
        .with(Map.of("model_bytes", prune.bytes(), "seconds", seconds));
  }

  static Outcome calibratedBesideTorch(Row row, Place place, Pairs pairs) {
    return besideTorch(row, "wanda", "wanda_peer.py", SAME_BITS, place, pairs);
  }

  static Outcome sparseGptBesideTorch(Row row, Place place, Pairs pairs) {
    return besideTorch(row, "sparsegpt", "sparsegpt_peer.py", SAME_BITS_OF_UPDATED, place, pairs);
  }

  private static Outcome besideTorch(
      Row row, String method, String script, double sameBits, Place place, Pairs pairs) {
    PruneCase prune =
        PruneCase.fromSamples(
            place.memory(), place.jar(), row.get("model"), row.get("samples"), method);
    Path theirs = place.memory().resolve("theirs");
    List<String> arguments =
        List.of(
            prune.model().toString(),
            prune.samples().toString(),
            theirs.toString(),
            Integer.toString(Runtime.getRuntime().availableProcessors()));
    try (Peer torch =
        new Peer(
            Place.python("torch"),
            place.script(script),
            arguments,
            OpenBlasCore.variables(row.get("core")))) {
      prune.prune();
      torch.ask("run 1");
      double same = ZeroAgreement.of(prune.output(), theirs);
      Directories.delete(prune.output());
      Directories.delete(theirs);
      if (same < sameBits) {
        throw new IllegalStateException("only %s of the masks' bits agree".formatted(same));
      }
      Work peer = torch.work();
      Outcome outcome =
          pairs.measure(
              Unit.SECONDS,
              new Pairs.Side(1, each(prune::prune, prune.output())),
              new Pairs.Side(1, each(() -> peer.seconds(1), theirs)));
      return outcome.with(torch.facts()).with(Map.of("same_bits", same));
    }
  }

  static Outcome startUp(Row row, Place place, Pairs pairs) {
    StartUpCase inspect = new StartUpCase(place.memory(), place.jar());
    inspect.check();
    double[] seconds = new double[row.number("runs")];
    for (int i = 0; i < seconds.length; i++) {
      seconds[i] = inspect.cpuSeconds();
    }
    return Outcome.alone(Unit.CPU_SECONDS, seconds);
  }
}
