package io.github.wandacuda.job.verify;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.VerificationException;
import java.nio.file.Path;

/**
 * Somebody has added a file to the output that a loader would read; what the run wrote is right.
 */
public final class AddedFilesException extends VerificationException {
  private static final long serialVersionUID = 1L;

  public AddedFilesException(Path file) {
    super(
        ErrorDetails.file(file)
            .expected("nothing, as in the source", "a file that this run did not write")
            .hint("take it away and run the same again with `resume`"));
  }
}
