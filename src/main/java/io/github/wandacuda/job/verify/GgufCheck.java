package io.github.wandacuda.job.verify;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.gguf.GgufParts;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/**
 * The check of a model in GGUF against the one that it was made of, to the byte. Of a smaller model
 * each tensor is the slice that its record says; of one whose weights were zeroed, see {@link
 * GgufZerosCheck}. Keys differ in what the run changes alone, and nothing is missing or added.
 */
record GgufCheck(ModelDirectory dense, GgufPlace place) {
  /**
   * Checks the file.
   *
   * @throws InputException if it or its record isn't there
   */
  Verification verify(Workers workers, Progress progress) {
    Provenance found =
        place
            .found()
            .orElseThrow(
                () ->
                    ErrorDetails.file(place.record())
                        .hint("copy it beside the model")
                        .wrong(
                            "the record of the run that wrote %s".formatted(place.file()), "none"));
    Failures failures = new Failures();
    if (found instanceof PruningRecord record && record.parts().isEmpty()) {
      return verifyZeros(record, failures, workers, progress);
    }
    if (!(found instanceof RemovalRecord record) || record.structure().isEmpty()) {
      add(failures, Provenance.STRUCTURE, "parts that were removed, or zeros", "something else");
      return result(failures, List.of());
    }
    String source = SourceDigest.of(dense);
    if (!source.equals(record.value("source_sha256"))) {
      failures.addCause(
          RecordCheck.otherSource(place.record(), source, record.value("source_sha256")));
      return result(failures, record.unproven());
    }
    Structure kind = record.structure().get();
    try {
      RemovedParts removed = record.removed(kind);
      Object expected = removed.written(kind);
      if (!expected.equals(record.value(Provenance.REMOVED))) {
        add(failures, Provenance.REMOVED, expected.toString(), "other parts");
      }
      GgufParts parts = GgufParts.of(removed.gguf(dense, record.hasCard()), record.shardBytes());
      parts.firstDifference(parts.files(place.file())).ifPresent(failures::add);
    } catch (InputException | UsageException e) {
      // A record that was changed may ask for what no run would take.
      RealCause.throwIfBehind(e);
      failures.add(e.details());
    }
    return result(failures, record.unproven());
  }

  private Verification verifyZeros(
      PruningRecord record, Failures failures, Workers workers, Progress progress) {
    PruningRecordCheck check = new PruningRecordCheck(place.record(), record, failures);
    List<String> unchecked = check.compareCause(SourceDigest.of(dense));
    check.compareFamily(dense);
    List<LinearModule> chosen = check.modules(dense);
    // In one process, few masks have to wait.
    Path spill = Path.of(System.getProperty("java.io.tmpdir"), "wanda-cuda-" + UUID.randomUUID());
    try (MaskDigest masks = new MaskDigest(chosen.size(), spill, Verifier.HELD_BYTES)) {
      GgufZerosCheck.of(dense, record, record.rules(), chosen, failures)
          .check(place.file(), masks, workers, progress)
          .ifPresent(found -> check.compare(chosen, masks.hex(), found));
    } catch (InputException | UsageException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.details());
    }
    return result(failures, unchecked, Provenance.MASK);
  }

  private void add(Failures failures, String key, String expected, String found) {
    failures.add(ErrorDetails.part(place.record(), key).expected(expected, found));
  }

  private static Verification result(Failures failures, List<String> unchecked) {
    return result(failures, unchecked, Provenance.STRUCTURE);
  }

  private static Verification result(Failures failures, List<String> unchecked, String mode) {
    List<Path> added = List.of();
    return new Verification(
        failures.others(), failures.tensors(), added, unchecked, mode, List.of(), 0);
  }
}
