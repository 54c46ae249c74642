package io.github.wandacuda.job.record;

import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;

/**
 * The model that a run leaves of another one before it prunes weights of it: a folder beside the
 * output until that is complete.
 *
 * @param dense the other one
 * @param record how it was made
 * @param sha256 its digest, as its directory has it, see {@link SourceDigest}
 */
public record SmallerModel(ModelDirectory dense, RemovalRecord record, String sha256) {
  /** Returns where it is while there is an unfinished output. */
  public static Path place(Path output) {
    Path whole = output.toAbsolutePath().normalize();
    return whole.resolveSibling(whole.getFileName() + ".smaller");
  }
}
