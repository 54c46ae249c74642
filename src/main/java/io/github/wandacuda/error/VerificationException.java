package io.github.wandacuda.error;

import java.nio.file.Path;

/** A pruned model is not its dense source with weights zeroed and nothing else changed. */
public class VerificationException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure from its parts. */
  public VerificationException(ErrorDetails details) {
    super(details, null);
  }

  /**
   * Returns the failure of a run that checked the output it had written.
   *
   * @param failure what is wrong with it, as it follows a colon
   */
  public static VerificationException ofOutput(Path output, String failure) {
    return new VerificationException(
        ErrorDetails.file(output).said("the written output is wrong: " + failure));
  }
}
