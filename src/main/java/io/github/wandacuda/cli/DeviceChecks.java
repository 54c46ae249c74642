package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendCheck;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Compares the kernels of devices with the CPU's, and prints a line each. */
final class DeviceChecks {
  private static final String CPU = "cpu";

  private final OutputOptions output;
  private final Precision precision;
  private final List<Map<String, Object>> checks = new ArrayList<>();

  DeviceChecks(OutputOptions output, Precision precision) {
    this.output = output;
    this.precision = precision;
  }

  /** Checks usable devices: those of a backend or of all, or one by its number. */
  void run(String backend, Integer number) {
    if (backend.equals(CPU)) {
      throw new UsageException("--backend cpu: it is what the others are compared with");
    }
    int wrong = 0;
    for (BackendProvider provider : providers(backend)) {
      for (DeviceDescription device : provider.listing()) {
        if (device.usable() && (number == null || number == device.index())) {
          wrong += check(provider.name(), device.index());
        }
      }
    }
    if (checks.isEmpty()) {
      throw new BackendUnavailableException(
          "no usable device%s%s: 'wanda-cuda devices' says why"
              .formatted(
                  backend.equals(Backends.AUTO) ? "" : " of " + backend,
                  number == null ? "" : " of number " + number));
    }
    output.result(Map.of("checks", checks), () -> Stream.of(checks.size() + " kernels checked"));
    if (wrong > 0) {
      throw new BackendUnavailableException(
          "%d of %d kernels differ from the CPU's or fail".formatted(wrong, checks.size()));
    }
  }

  private static List<BackendProvider> providers(String backend) {
    return backend.equals(Backends.AUTO)
        ? Backends.providers().stream().filter(provider -> !provider.name().equals(CPU)).toList()
        : List.of(Backends.named(backend));
  }

  /** Says a kernel's name before it is launched, so that one that hangs has a name. */
  private int check(String backend, int device) {
    try (Backend opened = Backends.open(backend, device, 1, precision).backend();
        Backend cpu = Backends.open(CPU, 0, 1).backend()) {
      output.stream("%s %d, %s\n".formatted(backend, device, Printable.of(opened.device())));
      return BackendCheck.run(
          opened,
          cpu,
          new BackendCheck.Listener() {
            @Override
            public void starts(String kernel) {
              output.stream("  " + kernel + ": ");
            }

            @Override
            public void ended(String kernel, Optional<String> problem) {
              output.stream(Printable.message(problem.orElse("agrees")) + "\n");
              checks.add(row(backend, device, kernel, problem));
            }
          });
    }
  }

  private static Map<String, Object> row(
      String backend, int device, String kernel, Optional<String> problem) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("backend", backend);
    row.put("device", device);
    row.put("kernel", kernel);
    row.put("agrees", problem.isEmpty());
    problem.ifPresent(what -> row.put("problem", what));
    return row;
  }
}
