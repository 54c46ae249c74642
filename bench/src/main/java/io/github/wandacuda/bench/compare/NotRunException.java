package io.github.wandacuda.bench.compare;

/** Says why a row can't be measured here, which is no failure. */
final class NotRunException extends RuntimeException {
  private static final long serialVersionUID = 1;

  NotRunException(String reason) {
    super(reason);
  }
}
