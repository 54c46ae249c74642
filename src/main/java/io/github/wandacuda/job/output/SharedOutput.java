package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.Part.PartLock;
import io.github.wandacuda.job.record.Part.PartState;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.RealCause;
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
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An output that several parts of a run write, each its own shards. The parts agree by the first
 * record of the journal. Each part locks the journal for a moment when it begins, and again when
 * its shards are finished. So one of them is the last: it finds all shards finished, and completes
 * the output while it has the lock.
 *
 * <p>If a part fails, whatever the reason, nothing that other parts have finished is deleted.
 *
 * @param path the output's directory
 * @param part this part
 * @param model the source
 * @param shards those of the output, of all parts together
 * @param sideFiles the source's files that go along with the shards
 */
public record SharedOutput(
    Path path, Part part, ModelDirectory model, Checkpoint shards, SideFiles sideFiles) {
  /** The part of the fingerprint that tells models of the same shapes apart. */
  private static final String WEIGHTS = "weights";

  private static final int SAMPLED_TENSORS = 64;
  private static final int SAMPLE_BYTES = 4096;

  /**
   * How long a part waits for the journal when it begins. Parts lock it for a shorter time, a run
   * that isn't a part for a longer one.
   */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final long PAUSE_MILLIS = 50;

  private static final Logger LOG = LoggerFactory.getLogger(SharedOutput.class);

  /**
   * Returns the fingerprint that all parts of a run have.
   *
   * @param plan the record of the run without its results
   */
  public Fingerprint fingerprint(Provenance plan) {
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put(Fingerprint.PARTS, String.valueOf(part.of()));
    parts.put(WEIGHTS, "sha256 " + weights(model));
    return Fingerprint.of(plan).with(parts);
  }

  /**
   * Begins the run, or joins it and continues what this part may have done before.
   *
   * @param plan the record of the run without its results
   * @param run the fingerprint
   * @param earlier returns what is wrong with an output whose run was stopped before its last step,
   *     or nothing
   * @param finished called with the record if the output is complete
   * @param share writes this part's shards
   * @param end called with the output when they are written; completes it if no other part is left
   * @return what {@code finished} or {@code end} returned
   * @throws io.github.wandacuda.error.UsageException if another run or the same part is at work in
   *     the output
   * @throws CancelledException if the thread is interrupted; what is finished is kept
   */
  public <T> T run(
      Provenance plan,
      Fingerprint run,
      Function<Provenance, Optional<String>> earlier,
      Function<Provenance, T> finished,
      Runnable share,
      Function<OutputDirectory, T> end) {
    PartLock lock;
    Function<Provenance, Optional<String>> check =
        record -> {
          Fingerprint.of(plan).requireSame(path, Fingerprint.of(record));
          return earlier.apply(record);
        };
    try (OutputDirectory output = open(PATIENCE)) {
      output.endEarlier(check);
      if (output.finished().isPresent()) {
        Provenance there = output.finished().get();
        Fingerprint.of(plan).requireSame(path, Fingerprint.of(there));
        return finished.apply(there);
      }
      if (output.interrupted().isEmpty()) {
        OnFailure.run(output::discard, output::requireNoneAdded);
      }
      output.begin(run);
      lock = PartLock.take(path, part);
    }
    try {
      try (lock) {
        share.run();
      }
      // The part's lock is released first: another part that looks under the journal's lock has to
      // see that this one isn't at work any more.
      try (OutputDirectory output = open(Duration.ofDays(1))) {
        output.endEarlier(check);
        if (output.finished().isPresent()) {
          return finished.apply(output.finished().get());
        }
        Fingerprint there =
            output.interrupted().map(RunRecords::run).orElseGet(() -> new Fingerprint(Map.of()));
        run.requireSame(path, there);
        return end.apply(output);
      }
    } catch (RuntimeException | Error e) {
      settle(e);
      throw e;
    }
  }

  /** Opens the output, after waiting for other parts that have it open. */
  private OutputDirectory open(Duration patience) {
    long start = System.nanoTime();
    while (true) {
      try {
        return OutputDirectory.open(path, sideFiles, shards, true);
      } catch (Journal.Busy e) {
        if (System.nanoTime() - start > patience.toNanos()) {
          throw e;
        }
        CancelledException.waiting(() -> Thread.sleep(PAUSE_MILLIS));
      }
    }
  }

  /**
   * Returns which parts are done. To be called under the journal's lock.
   *
   * @param isDone whether a part, by its number, has finished its shards
   * @return finished if all parts are done and none is at work, so that this part completes the
   *     output
   */
  public PartState state(IntPredicate isDone) {
    int done = (int) IntStream.rangeClosed(1, part.of()).filter(isDone).count();
    Optional<Part> atWork = PartLock.atWork(path, part.of());
    boolean all = done == part.of();
    if (all && atWork.isPresent()) {
      LOG.info("{} is at work again and will complete the output", atWork.get());
    } else if (all) {
      LOG.info("{}: all {} parts are done", path, done);
    }
    return new PartState(part, done, all && atWork.isEmpty());
  }

  /**
   * Returns the failure of a shard that is no longer what a part has written, for the caller to
   * throw. It says which part has to run again.
   *
   * @param place the shard, or the tensor in it, that has other bytes
   */
  public VerificationException damaged(SafetensorsFile shard, ErrorDetails place) {
    List<List<SafetensorsFile>> shares = part.shares(shards.shards());
    int number = 1;
    while (!shares.get(number - 1).contains(shard)) {
      number++;
    }
    Part writer = new Part(number, part.of());
    return new VerificationException(
        place
            .expected("the bytes that %s wrote".formatted(writer), "others")
            .hint("run %s again".formatted(writer)));
  }

  /** Warns that the shards of other parts aren't checked before the output is completed. */
  public void warnUnchecked() {
    LOG.warn(
        "{}: {} completes the output without a check of the other parts' shards, as it was told to",
        Printable.of(path),
        part);
  }

  /** Keeps everything after a failure, since other parts have worked on the output, too. */
  private void settle(Throwable failure) {
    if (RealCause.behind(failure).orElse(null) instanceof CancelledException) {
      throw new CancelledException(
          "cancelled; what is finished of %s is kept: run %s again to go on".formatted(path, part),
          failure);
    }
    LOG.warn("{}: what is finished is kept for when {} runs again", path, part);
    RealCause.throwIfBehind(failure);
  }

  /**
   * Returns the SHA-256, in hexadecimal, over the bytes in the middle of up to 64 tensors of each
   * shard. It distinguishes models of the same shapes, such as a model and its fine-tuned form, and
   * doesn't depend on where a copy lies or when it was made.
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
