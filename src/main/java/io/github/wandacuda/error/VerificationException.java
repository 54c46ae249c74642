package io.github.wandacuda.error;

import java.nio.file.Path;

/** A pruned model is not its dense source with weights zeroed and nothing else changed. */
public class VerificationException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with its one line. */
  public VerificationException(String message) {
    super(message, null);
  }

  /** Creates the failure with its one line and what led to it. */
  public VerificationException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Creates the failure with what it is about. */
  public VerificationException(ErrorDetails details) {
    super(details, null);
  }

  /** Creates the failure with what it is about and what led to it. */
  public VerificationException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }

  /** Creates the failure of a run that has checked what it wrote. */
  public static VerificationException ofOutput(Path output, String failure) {
    return new VerificationException(
        ErrorDetails.file(output).said("the written output is wrong: " + failure));
  }
}
