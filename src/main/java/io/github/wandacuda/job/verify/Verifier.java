package io.github.wandacuda.job.verify;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.checkpoint.ExtraFiles;
import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.job.output.GgufPlace;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Proves that a pruned directory, or file in GGUF, is its dense source with weights zeroed and
 * nothing else changed.
 */
public final class Verifier {
  /** The most bytes of masks that wait in memory. */
  static final long HELD_BYTES = 16 << 20;

  private Verifier() {}

  /**
   * What the user claims about the pruned model. What is null is taken from its {@code
   * wanda-cuda.json}.
   *
   * @param method how weights were scored, or null
   * @param sparsity how much was pruned, or null
   * @param choice the pruned modules, or null
   */
  public record Claim(Method method, Sparsity sparsity, ModuleChoice choice) {
    /** A claim without content. */
    public static final Claim NONE = new Claim(null, null, null);

    /**
     * Returns the rules that a pruned model is checked by.
     *
     * @param recorded what its {@code wanda-cuda.json} says, if there is one; there has to be if
     *     the claim has no sparsity
     */
    public PruningRules rules(Optional<PruningRecord> recorded) {
      if (sparsity == null && method == null) {
        return recorded.orElseThrow().rules();
      }
      // Modules that a run has kept are excepted from its own record's rules, not from a user's
      // claim.
      ModuleRules common =
          recorded
              .map(record -> record.rules().common())
              .orElse(ModuleRules.of(Method.WANDA, new Sparsity.Ratio(0)));
      Sparsity amount = sparsity != null ? sparsity : common.sparsity();
      ModuleRules claimed = method != null ? ModuleRules.of(method, amount) : common.with(amount);
      return new PruningRules(claimed, Unreached.MAGNITUDE);
    }
  }

  /**
   * A pruned model and what is known about it.
   *
   * @param dense its source
   * @param directory the pruned model's
   * @param packed whether it is packed
   * @param rules by which it was pruned
   * @param chosen its modules, in the order of their masks
   * @param digests the SHA-256 that tensors with fitted weights have to have, by name
   */
  public record Pruned(
      ModelDirectory dense,
      Path directory,
      boolean packed,
      PruningRules rules,
      List<LinearModule> chosen,
      Map<String, String> digests) {}

  /** Checks the shards of a pruned model: in this process or in others. */
  @FunctionalInterface
  public interface Shards {
    /** Checks them; returns nothing if a module is missing, which is among the failures. */
    Optional<OutputCheck.Found> check(Pruned pruned, Failures failures, MaskSink masks);
  }

  /**
   * Checks a pruned directory in this process.
   *
   * @param dense its source
   * @param pruned the directory, which may be packed
   * @param claim what the user says of it
   * @param threads CPU threads to use, 1 or more
   * @return the failures, and the files that were added beside the model
   * @throws InputException if the source is broken or the pruned directory isn't there
   */
  public static Verification verify(
      ModelDirectory dense, Path pruned, Claim claim, int threads, Progress progress) {
    if (dense.isGguf()) {
      if (!claim.equals(Claim.NONE)) {
        throw new UsageException(
            "a GGUF file is verified by its record, without `method`, `sparsity`, `pattern`,"
                + " `include` and `exclude`");
      }
      try (Workers workers = new Workers(threads)) {
        return new GgufCheck(dense, GgufPlace.of(pruned)).verify(workers, progress);
      }
    }
    List<SafetensorsFile> shards = dense.checkpoint().shards();
    try (DirectIo io = DirectIo.of(IoMode.AUTO, 2 * dense.checkpoint().totalBytes());
        Workers workers = new Workers(threads)) {
      Optional<Provenance> smaller =
          UnfinishedRun.isIn(pruned)
              ? Optional.empty()
              : provenance(pruned, new Failures()).filter(record -> record.parts().isPresent());
      if (smaller.isPresent() && claim.equals(Claim.NONE)) {
        shards.forEach(shard -> shard.bytes().readThrough(io));
        return new StructureCheck(dense, pruned, smaller.get(), new Failures())
            .verify(workers, progress);
      }
      return verify(dense, pruned, claim, here(io, workers, progress));
    }
  }

  /** Returns what checks the shards of a pruned model in this process. */
  private static Shards here(DirectIo io, Workers workers, Progress progress) {
    return (all, failures, masks) -> {
      List<SafetensorsFile> shards = all.dense().checkpoint().shards();
      shards.forEach(shard -> shard.bytes().readThrough(io));
      return new OutputCheck(
              all.directory(),
              all.packed(),
              shard -> shard.bytes().readThrough(io),
              all.rules(),
              failures,
              Set.of(),
              all.digests())
          .check(shards, all.chosen(), tensor -> true, masks, workers, progress);
    };
  }

  /**
   * Checks an output that an earlier run has written and whose record hasn't got its name yet, as
   * {@link #verify} does once it has.
   *
   * @param dense the whole source, even if parts of it were removed first
   * @param record of the earlier run
   * @param threads CPU threads to use, 1 or more
   * @return what is wrong first, or nothing
   */
  static Optional<String> firstFailure(
      ModelDirectory dense, Path output, Provenance record, int threads, Progress progress) {
    Failures failures = new Failures();
    try (DirectIo io = DirectIo.of(IoMode.AUTO, 2 * dense.checkpoint().totalBytes());
        Workers workers = new Workers(threads)) {
      if (!(record instanceof PruningRecord pruning) || record.parts().isPresent()) {
        return new StructureCheck(dense, output, record, failures)
            .verify(workers, progress).failures().stream().findFirst();
      }
      Optional<PruningRecord> own = Optional.of(pruning);
      return verify(
              dense,
              SourceDigest.of(dense),
              () -> compareFiles(dense, output, own, failures),
              output,
              own,
              Claim.NONE,
              here(io, workers, progress),
              failures)
          .failures()
          .stream()
          .findFirst();
    }
  }

  /**
   * Checks a pruned directory.
   *
   * @param dense its source
   * @param pruned the directory, which may be packed
   * @param claim what the user says of it
   * @param shards checks the shards
   * @return the failures, and the files that were added beside the model
   * @throws InputException if the source is broken or the pruned directory isn't there
   */
  public static Verification verify(ModelDirectory dense, Path pruned, Claim claim, Shards shards) {
    if (!Files.isDirectory(pruned)) {
      throw ErrorDetails.file(pruned).wrong("a pruned model's directory", "none");
    }
    Failures failures = new Failures();
    if (UnfinishedRun.isIn(pruned)) {
      // All other failures would follow from this one.
      failures.add(UnfinishedRun.describe(pruned));
      return Verification.of(failures);
    }
    Optional<Provenance> found = provenance(pruned, failures);
    if (found.flatMap(Provenance::parts).isPresent()) {
      throw new UsageException(
          "parts of this model were removed, which is verified without `cluster`, `method`,"
              + " `sparsity`, `pattern`, `include` and `exclude`");
    }
    Optional<PruningRecord> record = found.map(Provenance::ofPruning);
    String digest = SourceDigest.of(dense);
    Supplier<List<Path>> files = () -> compareFiles(dense, pruned, record, failures);
    return verify(dense, digest, files, pruned, record, claim, shards, failures);
  }

  /**
   * Checks a pruned directory, as {@link #verify(ModelDirectory, Path, Claim, Shards)} does.
   *
   * @param dense its source
   * @param digest the source's digest
   * @param files compares the other files, and returns those that were added
   * @param pruned the directory, which may be packed
   * @param record of its run, if there is one
   * @param claim what the user says of it
   * @param shards checks the shards
   * @param failures takes what is wrong
   */
  static Verification verify(
      ModelDirectory dense,
      String digest,
      Supplier<List<Path>> files,
      Path pruned,
      Optional<PruningRecord> record,
      Claim claim,
      Shards shards,
      Failures failures) {
    Optional<PruningRecordCheck> recorded =
        record.map(
            found -> new PruningRecordCheck(pruned.resolve(Provenance.FILE_NAME), found, failures));
    if (claim.sparsity() == null && recorded.isEmpty()) {
      failures.add(
          ErrorDetails.file(pruned)
              .said(
                  "has no usable %s, and neither `sparsity` nor `pattern` says what to expect"
                      .formatted(Provenance.FILE_NAME)));
      return Verification.of(failures);
    }
    List<String> unchecked = recorded.map(check -> check.compareCause(digest)).orElse(List.of());
    recorded.ifPresent(check -> check.compareFamily(dense));
    List<LinearModule> chosen =
        claim.choice() == null && recorded.isPresent()
            ? recorded.get().modules(dense)
            : dense.choose(claim.choice() == null ? ModuleChoice.DEFAULT : claim.choice());
    PruningRules rules = claim.rules(record);
    rules.requantizing().check(chosen);
    boolean packed = isPacked(pruned, failures);
    List<Path> added = files.get();
    Set<String> fitted = fitted(rules, chosen, record);
    Map<String, String> digests = record.map(found -> found.fittedDigests(fitted)).orElse(Map.of());
    Pruned all = new Pruned(dense, pruned, packed, rules, chosen, digests);
    if (claim.equals(Claim.NONE) && recorded.isPresent()) {
      // In one process, few masks have to wait.
      Path spill = Path.of(System.getProperty("java.io.tmpdir"), "wanda-cuda-" + UUID.randomUUID());
      recorded.get().compareFitted(fitted);
      try (MaskDigest masks = new MaskDigest(chosen.size(), spill, HELD_BYTES)) {
        shards
            .check(all, failures, masks)
            .ifPresent(found -> recorded.get().compare(chosen, masks.hex(), found));
      }
    } else {
      Optional<OutputCheck.Found> unrecorded = shards.check(all, failures, MaskSink.NONE);
    }
    return new Verification(
            failures.others(),
            failures.tensors(),
            added,
            unchecked,
            rules.update() ? Provenance.UPDATE : Provenance.MASK,
            List.of(),
            0)
        .withUnproven(fitted, digests);
  }

  /** Returns the names of the tensors whose kept weights may differ from the source's. */
  private static Set<String> fitted(
      PruningRules rules, List<LinearModule> chosen, Optional<PruningRecord> record) {
    Set<String> names = new HashSet<>();
    record.flatMap(Provenance::parts).ifPresent(parts -> names.addAll(parts.fitted()));
    chosen.stream()
        .filter(module -> rules.of(module).updates())
        .forEach(module -> names.add(module.tensor().name()));
    return names;
  }

  private static Optional<Provenance> provenance(Path pruned, Failures failures) {
    try {
      return Provenance.read(pruned);
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.details());
      return Optional.empty();
    }
  }

  /**
   * Returns whether a directory's config says that the model is packed. An error in it is added to
   * the failures.
   */
  static boolean isPacked(Path directory, Failures failures) {
    try {
      return ModelConfig.read(directory).packed();
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      boolean packed = saysPacked(directory);
      if (packed) {
        failures.add(e.details());
      }
      return packed;
    }
  }

  /** Returns whether a config that is wrong in some way says that the model is packed. */
  private static boolean saysPacked(Path directory) {
    try (var in = InputFile.stream(directory.resolve(SideFiles.CONFIG))) {
      JsonNode root = JsonTree.read(in);
      return PackedConfig.isPacked(root);
    } catch (InputException | IOException noConfig) {
      return false;
    }
  }

  private static List<Path> compareFiles(
      ModelDirectory dense, Path directory, Optional<PruningRecord> record, Failures failures) {
    boolean card = record.filter(Provenance::hasCard).isPresent();
    SideFiles expected = SideFiles.of(dense.checkpoint(), directory).withCard(card);
    compareFiles(expected, directory, failures);
    expected
        .lastFiles()
        .forEach(file -> compareFile(dense.path(), directory, file, file, failures));
    ExtraFiles extra = ExtraFiles.of(dense.checkpoint(), expected, directory);
    extra.loaded().stream()
        .filter(file -> !file.equals(Path.of(Journal.FILE_NAME)))
        .forEach(
            file -> add(failures, directory.resolve(file), "nothing, as in the source", "a file"));
    return extra.others();
  }

  /**
   * Compares the files that go along with the weights. A model card of the output's own only has to
   * exist.
   */
  static void compareFiles(SideFiles expected, Path directory, Failures failures) {
    expected
        .files()
        .forEach(
            file ->
                compareFile(expected.directory(), directory, file, expected.name(file), failures));
    Path card = directory.resolve(SideFiles.CARD);
    if (expected.card() && !Files.isRegularFile(card)) {
      add(failures, card, "a model card", "that it is missing");
    }
  }

  private static void compareFile(
      Path dense, Path directory, Path file, Path name, Failures failures) {
    Path copy = directory.resolve(name);
    try {
      if (!Files.isRegularFile(copy)) {
        add(failures, copy, "a copy of the source's", "that it is missing");
        return;
      }
      long at =
          file.equals(Path.of(SideFiles.CONFIG))
              ? configMismatch(dense.resolve(file), copy)
              : Files.mismatch(dense.resolve(file), copy);
      if (at >= 0) {
        add(failures, copy, "the source's bytes", "that it differs at byte " + at);
      }
    } catch (IOException e) {
      RealCause.throwIfBehind(e);
      add(
          failures,
          copy,
          "a copy of the source's",
          "that it can't be read: " + Printable.reason(e));
    }
  }

  /**
   * Compares what two configs say about their models, without what says that one is packed.
   *
   * @return the first byte that differs, or -1
   */
  private static long configMismatch(Path dense, Path copy) throws IOException {
    try {
      return Arrays.mismatch(
          PackedConfig.source(dense, InputFile.bytes(dense)),
          PackedConfig.source(copy, InputFile.bytes(copy)));
    } catch (InputException broken) {
      RealCause.throwIfBehind(broken);
      return Files.mismatch(dense, copy);
    }
  }

  static void add(Failures failures, Path file, String expected, String found) {
    failures.add(ErrorDetails.file(file).expected(expected, Printable.of(found)));
  }
}
