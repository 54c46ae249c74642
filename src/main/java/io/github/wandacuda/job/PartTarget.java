package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Sha256;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An output that several parts of a run write, each its shards. They agree by the first record of
 * the journal, which each locks for a moment when it begins and again when its shards are finished:
 * so one of them is the last, finds all shards finished, and completes the output while it has the
 * lock.
 *
 * <p>Nothing that a part has finished is deleted when another one fails, whatever the reason.
 */
final class PartTarget implements PruneTarget {
  /** The part of the fingerprint that tells models of the same shapes apart. */
  private static final String WEIGHTS = "weights";

  private static final int SAMPLED_TENSORS = 64;
  private static final int SAMPLE_BYTES = 4096;

  /** Longer than parts hold the journal when they begin; a run that is no part holds it longer. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final long PAUSE_MILLIS = 50;

  private final RunScope scope;
  private final Part part;
  private final OnCluster process;
  private final OutputTarget whole;
  private final SideFiles sideFiles;

  PartTarget(RunScope scope, Part part, OnCluster process) {
    this.scope = scope;
    this.part = part;
    this.process = process;
    whole = new OutputTarget(scope, Optional.empty());
    sideFiles = SideFiles.of(scope.model().checkpoint(), path());
  }

  @Override
  public Path path() {
    return scope.request().output();
  }

  @Override
  public boolean isFinished() {
    return whole.isFinished();
  }

  @Override
  public RunNeeds needs(Backend backend) {
    return whole.needs(backend);
  }

  /** Counts what all parts write, since they write to the same disk. */
  @Override
  public long diskBytes(RunNeeds needs) {
    return whole.diskBytes(needs);
  }

  @Override
  public Run open(PruneTarget.Tools tools, Provenance plan) {
    Fingerprint cause = Fingerprint.of(plan);
    Fingerprint fingerprint = cause.with(parts());
    try (OutputDirectory output = directory(PATIENCE)) {
      if (output.finished().isPresent()) {
        cause.requireSame(path(), Fingerprint.of(output.finished().get()));
        return new Ended(output.finished(), PartState.end(part));
      }
      begin(output, fingerprint);
      PartLock lock = PartLock.take(path(), part);
      return new PartRun(this, scope, part, process, tools, plan, fingerprint, lock);
    }
  }

  private Map<String, String> parts() {
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put(Fingerprint.PARTS, String.valueOf(part.of()));
    parts.put(WEIGHTS, "sha256 " + weights(scope.model()));
    return parts;
  }

  /** Begins the run, unless another part has: then it has to be the same. */
  private void begin(OutputDirectory output, Fingerprint fingerprint) {
    if (output.interrupted().isPresent()) {
      requireSame(output, fingerprint);
      return;
    }
    try {
      added(output).requireNoneBefore();
    } catch (RuntimeException | Error e) {
      output.discard();
      throw e;
    }
    output.journal().restart(RunRecords.run(fingerprint));
  }

  /**
   * Checks that the run that has begun in the output is this one.
   *
   * @throws io.github.wandacuda.error.UsageException if it isn't
   */
  void requireSame(OutputDirectory output, Fingerprint fingerprint) {
    Fingerprint there =
        output.interrupted().map(RunRecords::run).orElseGet(() -> new Fingerprint(Map.of()));
    fingerprint.requireSame(path(), there);
  }

  /** Opens the output when no other part has it open. */
  OutputDirectory directory() {
    return directory(Duration.ofDays(1));
  }

  private OutputDirectory directory(Duration patience) {
    long start = System.nanoTime();
    while (true) {
      try {
        return OutputDirectory.open(path(), scope.model().path(), true, whole.ownFiles());
      } catch (Journal.Busy e) {
        if (System.nanoTime() - start > patience.toNanos()) {
          throw e;
        }
        pause();
      }
    }
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException(e);
    }
  }

  /** Returns the side files, which the last part copies. */
  SideFiles sideFiles() {
    return sideFiles;
  }

  /** Returns the files in the output that the run doesn't write. */
  AddedFiles added(OutputDirectory output) {
    return new AddedFiles(scope.model().checkpoint(), sideFiles, output);
  }

  /**
   * Returns the SHA-256, in hexadecimal, over the bytes in the middle of up to 64 tensors of each
   * shard. They tell a model from another of the same shapes, such as what it was fine-tuned to,
   * and don't depend on where a copy of it lies or when that was made.
   */
  private static String weights(ModelDirectory model) {
    MessageDigest digest = Sha256.digest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(SAMPLE_BYTES);
      for (SafetensorsFile shard : model.checkpoint().shards()) {
        List<TensorInfo> tensors = shard.tensors();
        int step = Math.max(1, Math.ceilDiv(tensors.size(), SAMPLED_TENSORS));
        for (int index = 0; index < tensors.size(); index += step) {
          digest.update(middle(shard, tensors.get(index), memory).asByteBuffer());
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MemorySegment middle(
      SafetensorsFile shard, TensorInfo tensor, MemorySegment memory) {
    MemorySegment bytes = memory.asSlice(0, Math.min(SAMPLE_BYTES, tensor.bytes()));
    shard.read(tensor, (tensor.bytes() - bytes.byteSize()) / 2, bytes);
    return bytes;
  }
}
