package io.github.wandacuda.bench.compare;

/** What a side's speed is told in. */
enum Unit {
  /** Weights that are gone through. */
  WEIGHTS("G weights/s"),
  /** Bytes of the data, counted once. */
  BYTES("GB/s"),
  /** Floating-point operations. */
  FLOPS("GFLOP/s"),
  /** Tokens generated, one after the other. */
  TOKENS("tokens/s"),
  /** Time of a run. */
  SECONDS("s"),
  /** Time that more data takes. */
  SECONDS_PER_GIBIBYTE("s/GiB"),
  /** Time of a short run. */
  MICROSECONDS("µs"),
  /** Processor time of a run. */
  CPU_SECONDS("s of CPU"),
  /** Memory. */
  MEBIBYTES("MiB");

  private static final double GIGA = 1e9;

  private final String label;

  Unit(String label) {
    this.label = label;
  }

  String label() {
    return label;
  }

  /** Returns what is told of a run that does an amount of work. */
  double of(double amount, double seconds) {
    return switch (this) {
      case SECONDS, SECONDS_PER_GIBIBYTE -> seconds;
      case TOKENS -> amount / seconds;
      default -> amount / seconds / GIGA;
    };
  }
}
