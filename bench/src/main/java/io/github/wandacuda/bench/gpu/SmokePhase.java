package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.check.BackendCheck;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Launches the kernels at small odd sizes and compares with the CPU, a row each. */
final class SmokePhase implements Phase {
  private final PhaseOptions options;

  SmokePhase(PhaseOptions options) {
    this.options = options;
  }

  /** CUDA has kernels for each precision. */
  @Override
  public void run(PhaseResult result) {
    boolean cuda = options.backend().equals("cuda");
    for (Precision precision :
        cuda ? List.of(Precision.HIGH, Precision.FAST) : List.of(Precision.DEFAULT)) {
      Optional<Backend> opened = open(options.backend(), precision, result);
      if (opened.isEmpty()) {
        return;
      }
      try (Backend device = opened.get();
          Backend cpu = Backends.open("cpu", 0, 1).backend()) {
        BackendCheck.run(device, cpu, new Listener(precision, result));
      }
    }
  }

  /** Opens the first device of a backend; where that fails, the phase is not run. */
  static Optional<Backend> open(String backend, Precision precision, PhaseResult result) {
    try {
      Backend opened = Backends.open(backend, 0, 1, precision).backend();
      result.fact("device", opened.device());
      return Optional.of(opened);
    } catch (BackendUnavailableException e) {
      result.notRun(e.getMessage());
      return Optional.empty();
    }
  }

  private record Listener(Precision precision, PhaseResult result)
      implements BackendCheck.Listener {
    @Override
    public void starts(String kernel) {
      result.starts(kernel, why -> result.wrong(row(kernel), why));
    }

    @Override
    public void ended(String kernel, Optional<String> problem) {
      problem.ifPresentOrElse(why -> result.wrong(row(kernel), why), () -> result.row(row(kernel)));
    }

    private Map<String, Object> row(String kernel) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("kernel", kernel);
      row.put("precision", precision.label());
      return row;
    }
  }
}
