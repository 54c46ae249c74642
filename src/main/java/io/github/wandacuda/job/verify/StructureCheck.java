package io.github.wandacuda.job.verify;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.ExtraFiles;
import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.model.removal.StructurePlan;
import io.github.wandacuda.pruning.mask.FiniteWeights;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The check of a smaller model against the model of which it is a part. Each tensor is the slice
 * that the record says, to the byte; the config differs only in the recorded keys, and describes
 * the tensors; and nothing is missing or added. If weights were pruned afterwards, they are
 * compared with the slices, or with the output's own tensors if these were fitted.
 *
 * @param dense the source
 * @param directory the smaller model's
 * @param record how it was made
 * @param failures takes what is wrong
 */
record StructureCheck(ModelDirectory dense, Path directory, Provenance record, Failures failures) {
  Verification verify(Workers workers, Progress progress) {
    compareRecord();
    Optional<Claimed> claimed = failures.isEmpty() ? claimed() : Optional.empty();
    if (claimed.isEmpty()) {
      return result(List.of(), parts().unproven(), Provenance.STRUCTURE);
    }
    StructurePlan plan = claimed.get().plan();
    requireEqual(Provenance.CONFIG, plan.config());
    Checkpoint smaller =
        plan.checkpoint((long) parts().values().getOrDefault(Provenance.SHARD_SIZE, 0L));
    SideFiles sideFiles =
        SideFiles.of(dense.checkpoint(), directory)
            .forWeightsOf(smaller)
            .withCard(record.hasCard());
    Verifier.compareFiles(sideFiles, directory, failures);
    boolean packed = Verifier.isPacked(directory, failures);
    requireBytes(Path.of(SideFiles.CONFIG), plan.configBytes(), packed);
    smaller
        .index()
        .ifPresent(index -> requireBytes(index.getFileName(), smaller.indexBytes(), false));
    Proof proof = compareWeights(plan, smaller, packed, workers, progress);
    ExtraFiles extra = ExtraFiles.of(smaller, sideFiles, directory);
    extra.loaded().stream()
        .filter(file -> !file.equals(Path.of(Journal.FILE_NAME)))
        .forEach(file -> add(file, "nothing, as in the source", "a file"));
    if (failures.isEmpty()) {
      requireDescribed(packed ? Set.of() : claimed.get().kinds());
    }
    return result(extra.others(), proof.unchecked(), proof.mode())
        .withUnproven(proof.unproven(), record.fittedDigests());
  }

  /** Compares what the record says of the source and of the run, without the parts themselves. */
  private void compareRecord() {
    requireEqual("format", Provenance.FORMAT);
    String source = SourceDigest.of(dense);
    if (!source.equals(parts().value("source_sha256"))) {
      failures.addCause(
          RecordCheck.otherSource(
              directory.resolve(Provenance.FILE_NAME), source, parts().value("source_sha256")));
    }
    RecordCheck values =
        new RecordCheck(directory.resolve(Provenance.FILE_NAME), parts(), failures);
    values.compareFamily(dense);
    values.compareParts(parts());
    if (parts().structure().isEmpty()) {
      String known =
          Stream.of(Structure.values()).map(Structure::label).collect(Collectors.joining(", "));
      add(
          Path.of(Provenance.FILE_NAME),
          Provenance.STRUCTURE + " as one of " + known,
          String.valueOf(parts().value(Provenance.STRUCTURE)));
    }
  }

  /** What the record claims: parts of these kinds went, by this plan. */
  private record Claimed(Set<Structure> kinds, StructurePlan plan) {}

  /** Returns what the record claims, or nothing if the source has no such parts. */
  private Optional<Claimed> claimed() {
    Structure structure = parts().structure().orElseThrow();
    try {
      RemovedParts removed = parts().removed(structure);
      StructurePlan plan = removed.plan(dense);
      requireEqual(Provenance.REMOVED, removed.written(structure));
      return Optional.of(new Claimed(removed.kinds().keySet(), plan));
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      add(Path.of(Provenance.FILE_NAME), "what can be removed", e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * How far the weights are proved.
   *
   * @param unchecked keys of the record that nothing confirms
   * @param unproven tensors that were fitted, so that no source says what they are
   */
  private record Proof(String mode, List<String> unchecked, Set<String> unproven) {}

  /** Compares the shards with the slices, and what was pruned then with those. */
  private Proof compareWeights(
      StructurePlan plan, Checkpoint smaller, boolean packed, Workers workers, Progress progress) {
    Set<String> fitted = Set.copyOf(parts().fitted());
    Verifier.Shards shards =
        (all, unused, masks) ->
            new OutputCheck(
                    directory,
                    packed,
                    OutputCheck.THROUGH_CACHE,
                    all.rules(),
                    failures,
                    fitted,
                    all.digests())
                .check(
                    smaller.shards(),
                    all.chosen(),
                    tensor -> !fitted.contains(tensor.name()),
                    masks,
                    workers,
                    progress);
    List<String> unchecked = parts().unproven();
    if (!(record instanceof PruningRecord pruning)) {
      var unused =
          shards.check(
              new Verifier.Pruned(
                  dense, directory, packed, null, List.of(), record.fittedDigests(fitted)),
              failures,
              MaskSink.NONE);
      return new Proof(Provenance.STRUCTURE, unchecked, fitted);
    }
    Verification weights =
        Verifier.verify(
            plan.opened(smaller),
            SourceDigest.of(plan.configBytes(), smaller),
            List::of,
            directory,
            Optional.of(pruning),
            Verifier.Claim.NONE,
            shards,
            failures);
    return new Proof(
        Provenance.STRUCTURE + "+" + weights.mode(),
        Stream.concat(
                weights.unchecked().stream(),
                unchecked.stream().map(key -> Provenance.SMALLER + "." + key))
            .toList(),
        Set.copyOf(weights.unproven()));
  }

  /** Returns the record of the parts that were removed. */
  private RemovalRecord parts() {
    return record.parts().orElseThrow();
  }

  private Verification result(List<Path> added, List<String> unchecked, String mode) {
    return new Verification(
        failures.others(), failures.tensors(), added, unchecked, mode, List.of(), 0);
  }

  /** Checks that the config of the smaller model describes its tensors. */
  private void requireDescribed(Set<Structure> kinds) {
    try (ModelDirectory pruned = ModelDirectory.open(directory, dense.config().family())) {
      for (Structure kind : kinds) {
        Removal unused = kind.find(pruned);
      }
      if (!parts().fitted().isEmpty()) {
        requireFitted(pruned);
      }
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.details());
    }
  }

  /** Checks that only tensors that a run may fit were fitted, and that they are finite. */
  private void requireFitted(ModelDirectory pruned) {
    ModelConfig config = pruned.config();
    List<String> outputs = DecoderFamilies.of(config).describe(config).outputs(pruned);
    Set<String> left = new TreeSet<>(parts().fitted());
    for (LinearModule module : pruned.modules()) {
      if (left.contains(module.tensor().name()) && outputs.contains(module.name())) {
        left.remove(module.tensor().name());
        FiniteWeights.require(module);
      }
    }
    left.forEach(
        name ->
            add(
                Path.of(Provenance.FILE_NAME),
                "fitted weights of output projections alone",
                Printable.of(name)));
  }

  private void requireEqual(String key, Object expected) {
    Object found = parts().value(key);
    if (!expected.equals(found)) {
      failures.add(
          ErrorDetails.part(directory.resolve(Provenance.FILE_NAME), key)
              .expected(expected.toString(), Printable.of(String.valueOf(found))));
    }
  }

  private void requireBytes(Path file, byte[] expected, boolean packed) {
    try {
      Path place = directory.resolve(file);
      byte[] found = InputFile.bytes(place);
      int at = Arrays.mismatch(expected, packed ? PackedConfig.source(place, found) : found);
      if (at >= 0) {
        add(file, "what its record says of the source's", "that it differs at byte " + at);
      }
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.details());
    }
  }

  private void add(Path file, String expected, String found) {
    Verifier.add(failures, directory.resolve(file), expected, found);
  }
}
