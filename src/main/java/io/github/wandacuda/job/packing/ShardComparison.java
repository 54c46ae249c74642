package io.github.wandacuda.job.packing;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

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
    Path place = output.resolve(source.path().getFileName());
    try (SafetensorsFile written = open(place);
        PackBuffers left = new PackBuffers(workers.count());
        PackBuffers right = new PackBuffers(workers.count())) {
      int differs = Arrays.mismatch(source.headerBytes(), written.headerBytes());
      if (differs >= 0) {
        throw new VerificationException(
            ErrorDetails.file(place)
                .part("header")
                .expected("the source's", "another at byte " + differs));
      }
      List<EqualTask> tasks =
          source.tensors().stream()
              .map(
                  tensor ->
                      new EqualTask(
                          source,
                          written,
                          tensor,
                          CopyTask.pieceBytes(tensor, left.tileBytes()),
                          left,
                          right))
              .toList();
      workers.run(tasks);
    }
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
