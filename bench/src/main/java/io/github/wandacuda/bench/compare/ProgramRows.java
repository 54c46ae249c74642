package io.github.wandacuda.bench.compare;

import io.github.wandacuda.DType;
import io.github.wandacuda.bench.cases.CalibrateCase;
import io.github.wandacuda.bench.cases.LinearCase;
import io.github.wandacuda.bench.cases.PruneCase;
import io.github.wandacuda.bench.cases.StartUpCase;
import io.github.wandacuda.bench.cases.ThinnedCase;
import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.Machine;
import io.github.wandacuda.bench.common.ZeroAgreement;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.function.Function;

/** Whole runs of the program. */
final class ProgramRows {
  private static final double MEBI = 1 << 20;
  private static final double GIBI = 1 << 30;
  private static final double GIGA = 1e9;

  /** Both outputs, and what PyTorch keeps until it writes. */
  private static final int MODELS_BESIDE_TORCH = 5;

  /** The source and one output. */
  private static final int MODELS_IN_MEMORY = 2;

  private static final int MODELS_ON_DISK = 2;

  /** What the programs and the system need beside them. */
  private static final double SPARE_GIB = 2;

  private static final double SAME_BITS = 0.999;

  /**
   * Where weights are updated too, one that rounding turned moves those to the right of it, and
   * turns some of them.
   */
  private static final double SAME_BITS_OF_UPDATED = 0.98;

  private ProgramRows() {}

  static Outcome pruneBesideCopy(Row row, Place place, Pairs pairs) {
    PruneCase prune = onDisk(row, place);
    return besideCopy(prune, prune::pruneToDevice, pairs);
  }

  static Outcome checkedBesideCopy(Row row, Place place, Pairs pairs) {
    PruneCase prune = onDisk(row, place);
    return besideCopy(prune, prune::pruneChecked, pairs);
  }

  /** Half of a mixture's experts go: the whole process. */
  static Outcome thinnedBesideCopy(Row row, Place place, Pairs pairs) {
    ThinnedCase thinned = thinned(row, place);
    return besideCopy(thinned, thinned::pruneToDevice, pairs);
  }

  /** The same without the process's start, and its plan. */
  static Outcome thinnedWritingBesideCopy(Row row, Place place, Pairs pairs) {
    ThinnedCase thinned = thinned(row, place);
    return besideCopy(thinned, thinned::writeToDevice, pairs);
  }

  private static ThinnedCase thinned(Row row, Place place) {
    return new ThinnedCase(place.disk(), place.jar(), row.get("model"));
  }

  private static Outcome besideCopy(ThinnedCase thinned, DoubleSupplier ours, Pairs pairs) {
    return pairs
        .rested()
        .measure(
            Unit.BYTES,
            new Pairs.Side(thinned.bytes(), each(ours, thinned.output())),
            new Pairs.Side(thinned.bytes(), each(thinned::copyToDevice, thinned.copied())))
        .with(Map.of("peak_anonymous_bytes", thinned.peakMemory()));
  }

  /** A whole process beside the linear layer alone, on weights that are there already. */
  static Outcome calibratedBesideLinear(Row row, Place place, Pairs pairs) {
    return besideLinear(
        row, place, pairs, mixture -> each(mixture::calibrate, mixture.statistics()));
  }

  /** The same where both are compiled, and what runs before have left is collected. */
  static Outcome compiledCalibrationBesideLinear(Row row, Place place, Pairs pairs) {
    return besideLinear(
        row,
        place,
        pairs,
        mixture ->
            times -> {
              System.gc();
              return Work.of(mixture::calibrateHere).seconds(times);
            });
  }

  private static Outcome besideLinear(
      Row row, Place place, Pairs pairs, Function<CalibrateCase, Work> ours) {
    try (CalibrateCase mixture =
            new CalibrateCase(place.memory(), place.jar(), row.get("model"), row.get("samples"));
        LinearCase linear =
            new LinearCase(
                row.number("tokens"),
                row.get("shape"),
                DType.BF16,
                Runtime.getRuntime().availableProcessors())) {
      linear.check();
      return pairs.measure(
          Unit.FLOPS,
          new Pairs.Side(mixture.flops(), ours.apply(mixture)),
          new Pairs.Side(linear.flops(), Work.of(linear::run)));
    }
  }

  private static PruneCase onDisk(Row row, Place place) {
    PruneCase prune = PruneCase.fromStatistics(place.disk(), place.jar(), gibibytes(row));
    prune.check();
    return prune;
  }

  private static double gibibytes(Row row) {
    return Double.parseDouble(row.get("gib"));
  }

  private static Outcome besideCopy(PruneCase prune, DoubleSupplier ours, Pairs pairs) {
    return pairs
        .rested()
        .measure(
            Unit.BYTES,
            new Pairs.Side(prune.bytes(), each(ours, prune.output())),
            new Pairs.Side(prune.bytes(), each(prune::copyToDevice, prune.copied())));
  }

  /** Both sides at several sizes. */
  static Outcome growthBesideCopy(Row row, Place place, Pairs pairs) {
    List<Growth.Size> pruned = new ArrayList<>();
    List<Growth.Size> copied = new ArrayList<>();
    for (String size : row.get("sizes").split(" ")) {
      double gib = Double.parseDouble(size);
      Path folder = place.disk().resolve(size);
      Directories.create(folder);
      PruneCase prune = PruneCase.fromStatistics(folder, place.jar(), gib);
      pruned.add(new Growth.Size(gib, () -> each(prune::pruneToDevice, prune.output()).seconds(1)));
      copied.add(new Growth.Size(gib, () -> each(prune::copyToDevice, prune.copied()).seconds(1)));
    }
    Growth ours = new Growth(pruned);
    Growth beside = new Growth(copied);
    return pairs
        .rested()
        .measure(Unit.SECONDS_PER_GIBIBYTE, new Pairs.Side(1, ours), new Pairs.Side(1, beside))
        .with(ours.facts("ours"))
        .with(beside.facts("beside"));
  }

  /** A model that takes little but the start, with the start of Java alone beside it. */
  static Outcome smallModel(Row row, Place place, Pairs pairs) {
    PruneCase prune = onDisk(row, place);
    Outcome beside =
        pairs.measure(
            Unit.SECONDS,
            new Pairs.Side(1, each(prune::pruneToDevice, prune.output())),
            new Pairs.Side(1, times -> times * prune.startJava()));
    return new Outcome(Unit.SECONDS, beside.ours(), null, null, beside.count(), Map.of())
        .with(Map.of("java_seconds", beside.beside().median()));
  }

  static Outcome pruneInMemory(Row row, Place place, Pairs pairs) {
    double gib = gibibytes(row);
    if (Machine.availableMemory() < (MODELS_IN_MEMORY * gib + SPARE_GIB) * GIBI) {
      throw new NotRunException("too little memory for two models of %s GiB".formatted(gib));
    }
    PruneCase prune = PruneCase.fromStatistics(place.memory(), place.jar(), gib);
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
    PruneCase prune = PruneCase.fromStatistics(place.disk(), place.jar(), gibibytes(row));
    double seconds = prune.prune();
    JsonNode report = prune.report();
    double bytes = report.required("peak_anonymous_bytes").doubleValue();
    return Outcome.alone(Unit.MEBIBYTES, bytes / MEBI)
        .with(Map.of("model_bytes", prune.bytes(), "seconds", seconds));
  }

  /** One checked run over samples at a full model's size, for it takes minutes. */
  static Outcome fullSize(Row row, Place place, Pairs pairs) {
    requireDisk(row, place);
    PruneCase prune =
        PruneCase.fromSamples(
            place.disk(), place.jar(), row.get("model"), row.get("samples"), "wanda");
    double seconds = prune.pruneChecked();
    double bytes = prune.report().required("peak_anonymous_bytes").doubleValue();
    return Outcome.alone(Unit.SECONDS, seconds).with(Map.of("peak_anonymous_bytes", bytes));
  }

  static Outcome fullSizeBesideCopy(Row row, Place place, Pairs pairs) {
    requireDisk(row, place);
    PruneCase prune =
        PruneCase.fromStatistics(place.disk(), place.jar(), PruneCase.shape(row.get("model")));
    prune.check();
    return besideCopy(prune, prune::pruneChecked, pairs);
  }

  private static void requireDisk(Row row, Place place) {
    double needed = MODELS_ON_DISK * PruneCase.shape(row.get("model")).bytes();
    double free = Directories.usableSpace(place.disk());
    if (free < needed) {
      throw new NotRunException(
          "needs %.1f GB of disk for a model and its output, found %.1f"
              .formatted(needed / GIGA, free / GIGA));
    }
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
    if (Machine.availableMemory() < MODELS_BESIDE_TORCH * prune.bytes()) {
      throw new NotRunException("too little memory for two outputs and PyTorch's float32");
    }
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
      double same = agreement(prune.output(), theirs, sameBits);
      Work peer = torch.work();
      Outcome outcome =
          pairs
              .warmed()
              .measure(
                  Unit.SECONDS,
                  new Pairs.Side(1, each(prune::prune, prune.output())),
                  new Pairs.Side(1, each(() -> peer.seconds(1), theirs)));
      return outcome.with(torch.facts()).with(Map.of("same_bits", same));
    }
  }

  /** Returns which part of two outputs' mask bits is the same, and removes both outputs. */
  private static double agreement(Path ours, Path theirs, double least) {
    double same = ZeroAgreement.of(ours, theirs);
    Directories.delete(ours);
    Directories.delete(theirs);
    if (same < least) {
      throw new IllegalStateException("only %s of the masks' bits agree".formatted(same));
    }
    return same;
  }

  /** Runs over samples that differ in the method alone. */
  static Outcome alpsBesideSparseGpt(Row row, Place place, Pairs pairs) {
    PruneCase prune =
        PruneCase.fromSamples(
            place.memory(), place.jar(), row.get("model"), row.get("samples"), "sparsegpt");
    PruneCase alps = prune.by("--update", "alps");
    return pairs
        .warmed()
        .measure(
            Unit.SECONDS,
            new Pairs.Side(1, each(alps::prune, alps.output())),
            new Pairs.Side(1, each(prune::prune, prune.output())));
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
