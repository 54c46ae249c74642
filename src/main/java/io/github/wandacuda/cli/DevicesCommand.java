package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.backend.check.BackendCheck;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Lists what the kernels could run on and why not, or checks a device's kernels against the CPU's.
 */
@Command(
    name = "devices",
    description = "Lists every backend and device, usable or not and why.",
    footer = {"  wanda-cuda devices", "  wanda-cuda devices --check"})
final class DevicesCommand extends Subcommand {
  private static final String CPU = "cpu";

  @Option(
      names = "--check",
      description =
          "Launch the kernels at small odd sizes and compare with the CPU: a line each, exit"
              + " code 4 if one differs.")
  private boolean check;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = Backends.AUTO,
      description =
          "For --check: auto, all that are usable but the CPU, or a backend's devices alone"
              + " (default: ${DEFAULT-VALUE}).")
  private String backend;

  @Option(
      names = "--device",
      paramLabel = "N",
      description = "For --check: the device of this number alone.")
  private Integer device;

  @Option(
      names = BackendOptions.PRECISION,
      paramLabel = "fast|high",
      description = "For --check: one 16-bit pass of linear layers, or two (default: high).")
  private Precision precision = Precision.DEFAULT;

  private final List<Map<String, Object>> checks = new ArrayList<>();

  @Override
  public void run() {
    if (check) {
      check();
      return;
    }
    output.warnIfGiven("there is no --check", "--backend", "--device", BackendOptions.PRECISION);
    List<Row> devices = new ArrayList<>();
    for (BackendProvider provider : Backends.providers()) {
      output.detail("looking for devices of %s", provider.name());
      provider.listing().forEach(device -> devices.add(Row.of(provider, device)));
    }
    output.result(Map.of("devices", devices), () -> text(devices));
  }

  /** Compares the kernels of usable devices with the CPU's, and prints a line each. */
  private void check() {
    if (backend.equals(CPU)) {
      throw new UsageException("--backend cpu: it is what the others are compared with");
    }
    int wrong = 0;
    for (BackendProvider provider : checked()) {
      for (DeviceDescription found : provider.listing()) {
        if (found.usable() && (device == null || device == found.index())) {
          wrong += check(provider.name(), found.index());
        }
      }
    }
    if (checks.isEmpty()) {
      throw new BackendUnavailableException(
          "no usable device%s%s: 'wanda-cuda devices' says why"
              .formatted(
                  backend.equals(Backends.AUTO) ? "" : " of " + backend,
                  device == null ? "" : " of number " + device));
    }
    output.result(Map.of("checks", checks), () -> Stream.of(checks.size() + " kernels checked"));
    if (wrong > 0) {
      throw new BackendUnavailableException(
          "%d of %d kernels differ from the CPU's or fail".formatted(wrong, checks.size()));
    }
  }

  private List<BackendProvider> checked() {
    return backend.equals(Backends.AUTO)
        ? Backends.providers().stream().filter(provider -> !provider.name().equals(CPU)).toList()
        : List.of(Backends.named(backend));
  }

  /** Says a kernel's name before it is launched, so that one that hangs has a name. */
  private int check(String name, int index) {
    try (Backend opened = Backends.open(name, index, 1, precision).backend();
        Backend cpu = Backends.open(CPU, 0, 1).backend()) {
      output.stream("%s %d, %s\n".formatted(name, index, Printable.of(opened.device())));
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
              checks.add(row(name, index, kernel, problem));
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

  private record Row(String backend, int device, String name, boolean usable, String reason) {
    static Row of(BackendProvider provider, DeviceDescription of) {
      return new Row(provider.name(), of.index(), of.name(), of.usable(), of.reason());
    }

    List<String> cells() {
      return List.of(
          Printable.of(backend),
          String.valueOf(device),
          usable ? "yes" : "no",
          Printable.of(name),
          Printable.message(reason));
    }
  }

  private static Stream<String> text(List<Row> devices) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("backend", "device", "usable", "name", "why"));
    devices.forEach(device -> rows.add(device.cells()));
    List<Integer> widths =
        IntStream.range(0, rows.getFirst().size() - 1)
            .mapToObj(column -> rows.stream().mapToInt(row -> row.get(column).length()).max())
            .map(OptionalInt::orElseThrow)
            .toList();
    String format =
        widths.stream().map(width -> "%-" + width + "s  ").collect(Collectors.joining()) + "%s";
    return rows.stream().map(row -> format.formatted(row.toArray()));
  }
}
