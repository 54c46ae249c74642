package io.github.wandacuda.job.verify;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.MaskPool;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.Counted;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.io.Serializable;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The check of an output: its shards are the source's with weights zeroed and nothing else changed.
 * It can be done in pieces, when shards come one by one or several processes check. A piece is some
 * modules and other tensors of some shards; the results of all pieces are added up.
 *
 * @param directory the output's
 * @param packed whether the output's shards are packed
 * @param opened called with each shard of the output that is opened, to say how it is read
 * @param rules by which modules were pruned
 * @param failures takes what is wrong
 * @param fitted names of tensors whose bytes the source doesn't have
 * @param digests the SHA-256 that tensors of the output have to have, by name
 */
public record OutputCheck(
    Path directory,
    boolean packed,
    Consumer<SafetensorsFile> opened,
    PruningRules rules,
    Failures failures,
    Set<String> fitted,
    Map<String, String> digests) {
  public OutputCheck(
      Path directory,
      boolean packed,
      Consumer<SafetensorsFile> opened,
      PruningRules rules,
      Failures failures) {
    this(directory, packed, opened, rules, failures, Set.of(), Map.of());
  }

  /** Reads shards through the page cache, as any file. */
  public static final Consumer<SafetensorsFile> THROUGH_CACHE = shard -> {};

  /**
   * What was found.
   *
   * @param pruned how many weights masks prune
   * @param zeros how many weights are zero
   * @param prunedModules names of the modules of which a mask prunes at least one weight
   */
  public record Found(long pruned, long zeros, Set<String> prunedModules) implements Serializable {
    public static final Found NOTHING = new Found(0, 0, Set.of());

    /** Copies the set into one that travels. */
    public Found {
      prunedModules = Set.copyOf(prunedModules);
    }

    public Found plus(Found other) {
      Set<String> names = new HashSet<>(prunedModules);
      names.addAll(other.prunedModules);
      return new Found(pruned + other.pruned, zeros + other.zeros, names);
    }
  }

  /**
   * Checks a piece of an output against its source. What is wrong is added to the failures.
   *
   * @param shards the source's, whose namesakes in the output are checked
   * @param chosen modules of these shards that were pruned
   * @param others which other tensors are compared byte by byte
   * @param sink takes the modules' masks
   * @param workers read and compare
   * @param progress is told of the tensors
   * @return what was found, or nothing if a module is missing in the output
   */
  public Optional<Found> check(
      List<SafetensorsFile> shards,
      List<LinearModule> chosen,
      Predicate<TensorInfo> others,
      MaskSink sink,
      Workers workers,
      Progress progress) {
    Map<SafetensorsFile, SafetensorsFile> written = new HashMap<>();
    try (TilePairs buffers = TilePairs.of(workers.count())) {
      for (SafetensorsFile dense : shards) {
        open(dense).ifPresent(file -> written.put(dense, file));
      }
      return new Piece(this, written, chosen, sink, buffers, told(shards, progress))
          .check(shards, others, workers);
    } finally {
      written.values().forEach(SafetensorsFile::close);
    }
  }

  /** Begins to report the tensors that are checked; those of the source count. */
  public static StepCount told(List<SafetensorsFile> shards, Progress progress) {
    return StepCount.ofTensors("verified tensor", shards, progress);
  }

  public OutputCheck after(List<ModuleResult> results) {
    return new OutputCheck(
        directory, packed, opened, rules.after(results), failures, fitted, digests);
  }

  private Optional<SafetensorsFile> open(SafetensorsFile dense) {
    try {
      SafetensorsFile pruned = open(directory.resolve(dense.fileName()), packed, opened);
      comparePlaces(dense, pruned);
      return Optional.of(pruned);
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      failures.add(e.details());
      return Optional.empty();
    }
  }

  /**
   * Opens a shard of an output, unpacked if it is packed.
   *
   * @param place the shard's path
   * @param packed whether it has to be packed
   * @param opened called with the file before it is read
   * @throws io.github.wandacuda.error.InputException if it can't be read, or is packed and
   *     shouldn't be, or the other way round
   */
  public static SafetensorsFile open(Path place, boolean packed, Consumer<SafetensorsFile> opened) {
    SafetensorsFile stored = SafetensorsFile.open(place);
    return OnFailure.close(
        stored::close,
        () -> {
          opened.accept(stored);
          return packed ? PackedShard.unpacked(stored) : PackedShard.requireDense(stored);
        });
  }

  private void comparePlaces(SafetensorsFile dense, SafetensorsFile pruned) {
    Map<String, TensorInfo> found =
        pruned.tensors().stream().collect(Collectors.toMap(TensorInfo::name, Function.identity()));
    boolean alike = true;
    for (TensorInfo expected : dense.tensors()) {
      TensorInfo actual = found.remove(expected.name());
      if (!expected.equals(actual)) {
        alike = false;
        failures.add(
            ErrorDetails.tensor(pruned.path(), expected.name())
                .expected(inWords(expected), actual == null ? "none" : inWords(actual)));
      }
    }
    for (String name : found.keySet()) {
      alike = false;
      failures.add(
          ErrorDetails.tensor(pruned.path(), name)
              .expected("none, as in the source", inWords(found.get(name))));
    }
    int at = Arrays.mismatch(dense.headerBytes(), pruned.headerBytes());
    if (alike && at >= 0) {
      failures.add(
          ErrorDetails.part(pruned.path(), "header")
              .expected("the source's", "another at byte " + at));
    }
  }

  private static String inWords(TensorInfo tensor) {
    return "%s at [%d, %d]".formatted(tensor.what(), tensor.begin(), tensor.end());
  }

  private void reportUntouched(SafetensorsFile pruned, TensorInfo tensor, Difference difference) {
    failures.add(
        ErrorDetails.tensor(pruned.path(), tensor.name())
            .said(
                "was not to be pruned, but differs at byte %d%s: expected 0x%02x, found 0x%02x"
                    .formatted(
                        difference.at(),
                        place(tensor, difference.at()),
                        difference.expected(),
                        difference.found())));
  }

  /**
   * Returns the place of a byte in words: its element, if the tensor is a matrix of a known type.
   */
  private static String place(TensorInfo tensor, long at) {
    if (tensor.type().isEmpty() || !tensor.isMatrix()) {
      return "";
    }
    long element = at / tensor.type().get().bytes();
    long columns = tensor.shape().get(1);
    return " (row %d, column %d)".formatted(element / columns, element % columns);
  }

  /**
   * Checks that a shard has all bytes of another, when both are unpacked.
   *
   * @param place of the shard that was written
   * @param packed whether that one is packed
   * @throws VerificationException if they differ, with the first difference
   */
  public static void requireCopy(
      SafetensorsFile source, Path place, boolean packed, Workers workers) {
    try (SafetensorsFile written = open(place, packed, THROUGH_CACHE);
        TilePairs buffers = TilePairs.of(workers.count())) {
      int differs = Arrays.mismatch(source.headerBytes(), written.headerBytes());
      if (differs >= 0) {
        throw new VerificationException(
            ErrorDetails.part(place, "header")
                .expected("the source's", "another at byte " + differs));
      }
      List<Job> jobs = new ArrayList<>();
      for (TensorInfo tensor : source.tensors()) {
        Consumer<Difference> different =
            difference -> {
              throw new VerificationException(
                  ErrorDetails.tensor(written.path(), tensor.name())
                      .part("byte " + difference.at())
                      .expected(
                          "0x%02x, as in the source".formatted(difference.expected()),
                          "0x%02x".formatted(difference.found())));
            };
        jobs.add(EqualTensor.of(source, written, tensor, buffers, different, () -> {}));
      }
      workers.run(jobs);
    }
  }

  /** Returns whether a shard has all bytes of another, when both are unpacked. */
  public static boolean isCopy(
      SafetensorsFile source, Path place, boolean packed, Workers workers) {
    if (!Files.isRegularFile(place, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try {
      requireCopy(source, place, packed, workers);
      return true;
    } catch (InputException | VerificationException e) {
      RealCause.throwIfBehind(e);
      return false;
    }
  }

  /** A piece and its open files. */
  private record Piece(
      OutputCheck of,
      Map<SafetensorsFile, SafetensorsFile> written,
      List<LinearModule> chosen,
      MaskSink sink,
      TilePairs buffers,
      StepCount told) {
    /** Returns the output's file for one of the source's, if it has an equal tensor. */
    private Optional<SafetensorsFile> counterpart(SafetensorsFile dense, TensorInfo tensor) {
      return Optional.ofNullable(written.get(dense))
          .filter(pruned -> pruned.tensor(tensor.name()).filter(tensor::equals).isPresent());
    }

    Optional<Found> check(
        List<SafetensorsFile> shards, Predicate<TensorInfo> others, Workers workers) {
      workers.run(untouched(shards, others));
      workers.run(digested(shards, others));
      long maskBytes = chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
      try (MaskPool masks = new MaskPool(maskBytes)) {
        boolean missing = false;
        List<ModuleCheck> jobs = new ArrayList<>();
        for (int index = 0; index < chosen.size(); index++) {
          LinearModule module = chosen.get(index);
          Optional<SafetensorsFile> pruned = counterpart(module.shard(), module.tensor());
          missing |= pruned.isEmpty();
          if (pruned.isPresent() && module.elements() > 0) {
            jobs.add(module(index, pruned.get(), masks));
          } else {
            sink.add(index, MemorySegment.NULL);
          }
        }
        workers.run(jobs.stream().map(job -> new Counted(job, job::finish)).toList());
        Set<String> names =
            jobs.stream()
                .filter(job -> job.pruned() > 0)
                .map(ModuleCheck::module)
                .collect(Collectors.toSet());
        return missing
            ? Optional.empty()
            : Optional.of(
                new Found(
                    jobs.stream().mapToLong(ModuleCheck::pruned).sum(),
                    jobs.stream().mapToLong(ModuleCheck::zeros).sum(),
                    names));
      }
    }

    private List<Job> untouched(List<SafetensorsFile> shards, Predicate<TensorInfo> others) {
      Set<TensorInfo> touched = RunScope.tensors(chosen);
      List<Job> jobs = new ArrayList<>();
      for (SafetensorsFile dense : shards) {
        for (TensorInfo tensor : dense.tensors()) {
          if (!touched.contains(tensor) && others.test(tensor)) {
            counterpart(dense, tensor).map(file -> equal(dense, file, tensor)).ifPresent(jobs::add);
          }
        }
      }
      return jobs;
    }

    private List<Job> digested(List<SafetensorsFile> shards, Predicate<TensorInfo> others) {
      Set<TensorInfo> touched = RunScope.tensors(chosen);
      List<Job> jobs = new ArrayList<>();
      for (SafetensorsFile dense : shards) {
        for (TensorInfo tensor : dense.tensors()) {
          boolean own =
              touched.contains(tensor) || others.test(tensor) || of.fitted.contains(tensor.name());
          if (own && of.digests.containsKey(tensor.name())) {
            counterpart(dense, tensor)
                .map(file -> new TensorDigest(file, tensor, found -> compare(file, tensor, found)))
                .ifPresent(jobs::add);
          }
        }
      }
      return jobs;
    }

    private void compare(SafetensorsFile pruned, TensorInfo tensor, String found) {
      String recorded = of.digests.get(tensor.name());
      if (!found.equals(recorded)) {
        of.failures.add(
            ErrorDetails.tensor(pruned.path(), tensor.name())
                .expected(
                    "the fitted weights of which %s has the SHA-256 %s"
                        .formatted(Provenance.FILE_NAME, Printable.of(recorded)),
                    "others: " + found));
      }
    }

    private Job equal(SafetensorsFile dense, SafetensorsFile pruned, TensorInfo tensor) {
      return EqualTensor.of(
          dense,
          pruned,
          tensor,
          buffers,
          difference -> of.reportUntouched(pruned, tensor, difference),
          () -> told.done(tensor.bytes()));
    }

    private ModuleCheck module(int index, SafetensorsFile pruned, MaskPool masks) {
      LinearModule module = chosen.get(index);
      return new ModuleCheck(
          module,
          of.fitted.contains(module.tensor().name()) ? pruned : module.shard(),
          pruned,
          of.rules.of(module),
          of.failures,
          buffers,
          masks,
          mask -> {
            sink.add(index, mask);
            told.done(module.tensor().bytes());
          });
    }
  }

  /**
   * The first byte of a tensor's piece that differs.
   *
   * @param at its index in the tensor
   * @param expected the source's
   * @param found the output's
   */
  private record Difference(long at, byte expected, byte found) {}

  /** A job that compares a tensor with the source's, piece by piece. */
  private record EqualTensor(
      SafetensorsFile source,
      SafetensorsFile other,
      TensorInfo tensor,
      long pieceBytes,
      TilePairs buffers,
      Consumer<Difference> different,
      AtomicBoolean differs)
      implements Job {
    /**
     * Prepares a tensor and enlarges the workers' buffers.
     *
     * @param different called with the first difference that is found
     * @param compared called when all of the tensor is compared
     */
    static Job of(
        SafetensorsFile source,
        SafetensorsFile other,
        TensorInfo tensor,
        TilePairs buffers,
        Consumer<Difference> different,
        Runnable compared) {
      long piece = tensor.pieceBytes(buffers.pieceBytes());
      buffers.reserve(Math.min(piece, tensor.bytes()));
      return new Counted(
          new EqualTensor(source, other, tensor, piece, buffers, different, new AtomicBoolean()),
          compared);
    }

    @Override
    public int tasks() {
      return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
    }

    @Override
    public void run(int worker, int piece) {
      long from = piece * pieceBytes;
      long count = Math.min(pieceBytes, tensor.bytes() - from);
      MemorySegment expected = buffers.dense().of(worker, count);
      MemorySegment found = buffers.pruned().of(worker, count);
      source.read(tensor, from, expected);
      other.read(tensor, from, found);
      long mismatch = expected.mismatch(found);
      if (mismatch >= 0 && differs.compareAndSet(false, true)) {
        different.accept(
            new Difference(
                from + mismatch,
                expected.get(ValueLayout.JAVA_BYTE, mismatch),
                found.get(ValueLayout.JAVA_BYTE, mismatch)));
      }
    }
  }
}
