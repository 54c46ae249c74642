package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RecordSources;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.Structure;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Compares the values of a {@code wanda-cuda.json} with each other.
 *
 * @param file its path, for failures
 * @param record its content
 * @param failures takes what is wrong
 */
public record RecordCheck(Path file, Provenance record, Failures failures) {
  private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");

  /** The end of the failure of a record that names another source. */
  static final String OTHER_SOURCE = "it was not made from this source";

  static final String NOTHING = "nothing";

  /**
   * Checks that a record has the digests of exactly the tensors that were fitted. Records of
   * versions that wrote none are accepted.
   *
   * @param fitted the names of the tensors to which the run may have given other weights
   */
  void compareFitted(Set<String> fitted) {
    Set<String> digested = record.fittedDigests().keySet();
    if (digested.isEmpty()) {
      return;
    }
    Set<String> missing = new TreeSet<>(fitted);
    missing.removeAll(digested);
    missing.forEach(name -> add(Provenance.FITTED_SHA256, "a digest of " + name, NOTHING));
    Set<String> others = new TreeSet<>(digested);
    others.removeAll(fitted);
    others.forEach(
        name ->
            add(
                Provenance.FITTED_SHA256,
                "tensors that its run can have fitted",
                Printable.of(name)));
  }

  /** Compares the record's values about removed parts with each other. */
  public void compareParts(RemovalRecord removed) {
    Set<String> fitted = Set.copyOf(removed.fitted());
    Object update = record.value(MethodKey.UPDATE.recordKey());
    if (update == null) {
      require(
          record.value(Provenance.FITTED) == null, Provenance.FITTED, NOTHING + " without update");
    } else {
      boolean known =
          Stream.of(Structure.Update.values())
              .anyMatch(value -> value != Structure.Update.NONE && value.label().equals(update));
      require(known, MethodKey.UPDATE.recordKey(), "reconstruct or realign");
      require(isSampled(), "calibration_sha256", "that of the samples with update " + update);
    }
    if (isSampled()) {
      absent("statistics_sha256", "calibration_sha256");
    }
    List.of("statistics_sha256", "calibration_sha256", "family_sha256", "recipe_sha256")
        .forEach(this::digest);
    record.fittedDigests().forEach(this::requireDigest);
    compareFitted(fitted);
  }

  void requireDigest(String tensor, String value) {
    if (!SHA_256.matcher(value).matches()) {
      add(
          "%s of %s".formatted(Provenance.FITTED_SHA256, Printable.of(tensor)),
          "64 hexadecimal digits",
          Printable.of(value));
    }
  }

  /** Compares the digest of the file that describes the model's family, if the model has one. */
  void compareFamily(ModelDirectory dense) {
    Object recorded = record.value("family_sha256");
    if (dense.family() != null && recorded != null) {
      String found = RecordSources.familyDigest(List.of(dense.family()));
      require(found.equals(recorded), "family_sha256", found + " by " + dense.family());
    }
  }

  /**
   * Returns the failure of a record that names another model than the one with which it is
   * compared.
   *
   * @param file the record's path
   * @param source the model's digest
   * @param recorded the digest in the record
   */
  static ErrorDetails otherSource(Path file, String source, Object recorded) {
    return ErrorDetails.part(file, "source_sha256")
        .expected(source + " by the source's config.json and headers", text(recorded))
        .hint(OTHER_SOURCE);
  }

  boolean isSampled() {
    return record.value("calibration_sha256") != null;
  }

  void digest(String key) {
    require(
        !(record.value(key) instanceof String value) || SHA_256.matcher(value).matches(),
        key,
        "64 hexadecimal digits");
  }

  void positive(String key) {
    require(record.value(key) instanceof Integer value && value > 0, key, "1 or more");
  }

  void absent(String key, String why) {
    require(record.value(key) == null, key, NOTHING + " with " + why);
  }

  void require(boolean held, String key, String expected) {
    if (!held) {
      add(key, expected, text(record.value(key)));
    }
  }

  static String text(Object found) {
    return found == null ? NOTHING : Printable.of(found.toString());
  }

  void add(String key, String expected, String found) {
    failures.add(ErrorDetails.part(file, key).expected(expected, found));
  }
}
