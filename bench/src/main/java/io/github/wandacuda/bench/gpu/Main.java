package io.github.wandacuda.bench.gpu;

/** Runs one phase; {@code bench/gpu/run.sh} calls it. */
public final class Main {
  private Main() {}

  /**
   * Runs a phase and exits with 0, or with 1 if it failed.
   *
   * @param args the phase's name, then options as {@link PhaseOptions} reads them
   */
  public static void main(String[] args) {
    PhaseOptions options = PhaseOptions.parse(args);
    if (options.phase().equals("report")) {
      System.exit(Report.write(options.results(), options.small()) ? 0 : 1);
    }
    PhaseResult result = PhaseResult.start(options);
    try {
      phase(options).run(result);
    } catch (RuntimeException e) {
      e.printStackTrace();
      result.threw(e);
    }
    result.write();
    System.exit(result.status() == PhaseResult.Status.FAILED ? 1 : 0);
  }

  private static Phase phase(PhaseOptions options) {
    return switch (options.phase()) {
      case "smoke-cuda", "smoke-opencl" -> new SmokePhase(options);
      case "parity-cuda", "parity-opencl" -> new ParityPhase(options);
      case "kernels-cuda", "kernels-opencl" -> new KernelPhase(options);
      case "end-to-end-1b", "end-to-end-7b" -> new EndToEndPhase(options);
      case "calibrated-7b" -> new CalibratedPhase(options);
      default -> throw new IllegalArgumentException("no phase is called " + options.phase());
    };
  }
}
