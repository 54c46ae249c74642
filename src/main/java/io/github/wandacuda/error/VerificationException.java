package io.github.wandacuda.error;

import java.nio.file.Path;

/** A pruned model is not its dense source with weights zeroed and nothing else changed. */
public class VerificationException extends WandaException {
  private static final long serialVersionUID = 1L;

  public VerificationException(ErrorDetails details) {
    super(details, null);
  }

  /** Creates the failure of a run that has checked what it wrote. */
  public static VerificationException ofOutput(Path output, String failure) {
    return new VerificationException(
        ErrorDetails.file(output).said("the written output is wrong: " + failure));
  }
}
