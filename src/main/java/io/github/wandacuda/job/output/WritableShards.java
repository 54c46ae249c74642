package io.github.wandacuda.job.output;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Checks that a model's shards may be written to, and are nobody else's too. */
public final class WritableShards {
  private static final String COPY = "copy the model, or name an `output`";

  private WritableShards() {}

  /**
   * Checks a model's directory and shards.
   *
   * @throws OutputException if one can't be written, is a link (as in a Hugging Face cache, where
   *     other models may share the file), or has a second name
   */
  public static void check(Path directory, List<SafetensorsFile> shards) {
    if (!Files.isWritable(directory)) {
      throw new OutputException(ErrorDetails.file(directory).expected("to write it", "no right"));
    }
    for (SafetensorsFile shard : shards) {
      check(shard.path());
    }
  }

  private static void check(Path shard) {
    if (Files.isSymbolicLink(shard)) {
      throw new OutputException(
          ErrorDetails.file(shard)
              .expected(
                  "a file of the model's own",
                  "a link to %s: what others may use too is never written to"
                      .formatted(Printable.of(target(shard))))
              .hint(COPY));
    }
    if (!Files.isWritable(shard)) {
      throw new OutputException(ErrorDetails.file(shard).expected("to write it", "no right"));
    }
    int names = FileIdentity.names(shard);
    if (names > 1) {
      throw new OutputException(
          ErrorDetails.file(shard)
              .expected(
                  "a file of the model's own",
                  "one with %d names (hard links): the others would change too".formatted(names))
              .hint(COPY));
    }
  }

  private static Path target(Path link) {
    try {
      return Files.readSymbolicLink(link);
    } catch (IOException e) {
      return link;
    }
  }
}
