package io.github.wandacuda.job.output;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.Unreached;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Compares what a {@code wanda-cuda.json} says of its run's request with the source, and its values
 * with each other. {@link RecordCheck} checks the results.
 *
 * @param record its content
 * @param wrong receives each contradiction
 */
record CauseCheck(Provenance record, Wrong wrong) {
  private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");
  private static final String NOTHING = "nothing";

  /** Receives what is wrong with a key. */
  @FunctionalInterface
  interface Wrong {
    /** Receives a contradiction; the texts are printable. */
    void add(String key, String expected, String found);
  }

  /** Compares everything, and returns the keys whose values can't be checked. */
  List<String> compare(ModelDirectory dense) {
    require(
        Provenance.FORMAT.equals(record.format()), "format", Provenance.FORMAT, record.format());
    require(record.version() != null, "version", "the version that wrote it", null);
    String source = SourceDigest.of(dense);
    require(
        source.equals(record.sourceSha256()),
        "source_sha256",
        source + " by the source's config.json and headers",
        record.sourceSha256());
    String mode = record.rules().update() ? Provenance.UPDATE : Provenance.MASK;
    require(mode.equals(record.mode()), "mode", mode + " by its method", record.mode());
    digest("masks_sha256", record.masksSha256());
    compareNorms();
    compareUnreached();
    return unchecked();
  }

  /** Returns whether nothing was done that needs norms. */
  private boolean isWithoutNorms() {
    return !record.rules().needNorms();
  }

  private boolean isSampled() {
    return record.calibrationSha256() != null;
  }

  /** Norms come from statistics or from samples, and magnitude needs none. */
  private void compareNorms() {
    boolean fromFile = record.statisticsSha256() != null;
    if (isWithoutNorms()) {
      absent("statistics_sha256", record.statisticsSha256(), "a method without norms");
      absent("calibration_sha256", record.calibrationSha256(), "a method without norms");
    } else if (fromFile == isSampled()) {
      wrong.add(
          "statistics_sha256, calibration_sha256", "one of them", fromFile ? "both" : "neither");
    }
    digest("statistics_sha256", record.statisticsSha256());
    digest("calibration_sha256", record.calibrationSha256());
    if (isSampled()) {
      positive("samples", record.samples());
      positive("sequence_length", record.sequenceLength());
      require(record.seed() != null, "seed", "a number", null);
    } else {
      String why = isWithoutNorms() ? "a method without norms" : "norms from statistics";
      absent("samples", record.samples(), why);
      absent("sequence_length", record.sequenceLength(), why);
      absent("seed", record.seed(), why);
      absent("join", record.join(), why);
    }
  }

  private void compareUnreached() {
    if (isWithoutNorms()) {
      absent("unreached", record.unreached(), "a method without norms");
      absent("kept", record.kept(), "a method without norms");
      return;
    }
    boolean known =
        List.of(Unreached.values()).stream()
            .anyMatch(value -> value.label().equals(record.unreached()));
    require(known, "unreached", "magnitude, keep or fail", record.unreached());
    if (record.kept() == null) {
      return;
    }
    require(
        Unreached.KEEP.label().equals(record.unreached()),
        "kept",
        "none with unreached " + text(record.unreached()),
        "some");
    Set<String> unknown = new TreeSet<>(record.kept());
    unknown.removeAll(new HashSet<>(record.modules()));
    unknown.forEach(name -> wrong.add("kept", "pruned modules", Printable.of(name)));
  }

  /** Returns the keys whose values neither the weights nor the source can prove. */
  private List<String> unchecked() {
    List<String> keys = new ArrayList<>(List.of("version"));
    if (!isWithoutNorms()) {
      keys.add("unreached");
      keys.addAll(
          isSampled()
              ? List.of("samples", "sequence_length", "seed", "calibration_sha256")
              : List.of("statistics_sha256"));
      if (record.join() != null) {
        keys.add("join");
      }
    }
    return keys;
  }

  private void digest(String key, String value) {
    if (value != null) {
      require(SHA_256.matcher(value).matches(), key, "64 hexadecimal digits", value);
    }
  }

  private void positive(String key, Integer value) {
    require(value != null && value > 0, key, "1 or more", value);
  }

  private void absent(String key, Object value, String why) {
    require(value == null, key, NOTHING + " with " + why, value);
  }

  private void require(boolean held, String key, String expected, Object found) {
    if (!held) {
      wrong.add(key, expected, text(found));
    }
  }

  private static String text(Object found) {
    return found == null ? NOTHING : Printable.of(found.toString());
  }
}
