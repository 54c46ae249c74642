package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.output.EqualTensor;
import io.github.wandacuda.job.output.TilePairs;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Compares what the output's shards stand for with the source's, to the byte.
 *
 * @param output the output's directory
 */
record ShardComparison(Direction direction, Path output, Workers workers) {

  /** Returns whether the output has a shard, and it is right. */
  boolean holds(SafetensorsFile source) {
    Path place = output.resolve(source.path().getFileName());
    if (!Files.isRegularFile(place, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try {
      require(source);
      return true;
    } catch (InputException | VerificationException e) {
      RealCause.throwIfBehind(e);
      return false;
    }
  }

  /**
   * Checks a shard of the output.
   *
   * @throws VerificationException if it isn't the source's
   * @throws InputException if it is broken
   */
  void require(SafetensorsFile source) {
    require(source, output.resolve(source.path().getFileName()));
  }

  /**
   * Checks a shard that may have another name.
   *
   * @throws VerificationException if it isn't the source's
   * @throws InputException if it is broken
   */
  void require(SafetensorsFile source, Path place) {
    try (SafetensorsFile written = open(place);
        TilePairs buffers = new TilePairs(workers.count())) {
      int differs = Arrays.mismatch(source.headerBytes(), written.headerBytes());
      if (differs >= 0) {
        throw new VerificationException(
            ErrorDetails.file(place)
                .part("header")
                .expected("the source's", "another at byte " + differs));
      }
      workers.run(
          source.tensors().stream()
              .map(tensor -> equal(source, written, tensor, buffers))
              .toList());
    }
  }

  private static Job equal(
      SafetensorsFile source, SafetensorsFile written, TensorInfo tensor, TilePairs buffers) {
    return new EqualTensor(
        source,
        written,
        tensor,
        CopyTask.pieceBytes(tensor, buffers.pieceBytes()),
        buffers,
        difference -> {
          throw new VerificationException(
              ErrorDetails.file(written.path())
                  .tensor(tensor.name())
                  .part("byte " + difference.at())
                  .expected(
                      "0x%02x, as in the source".formatted(difference.expected()),
                      "0x%02x".formatted(difference.found())));
        },
        () -> {});
  }

  private SafetensorsFile open(Path place) {
    SafetensorsFile stored = SafetensorsFile.open(place);
    try {
      return direction.read(stored);
    } catch (RuntimeException | Error e) {
      stored.close();
      throw e;
    }
  }
}
