package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.hub.HubCache;
import io.github.wandacuda.job.GpuRunPlan;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.pruning.BackendCheck;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "devices",
    description = "Lists every backend and device, usable or not and why.",
    footer = {
      "  wanda-cuda devices",
      "  wanda-cuda devices --check",
      "  wanda-cuda devices --plan h100 --model org/model --refine swaps --update reconstruct"
    })
final class DevicesCommand extends Subcommand {
  private static final String CPU = "cpu";
  private static final int SAMPLES = 128;
  private static final int LENGTH = 2048;
  private static final int NUMBERS = 5;

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
      names = "--plan",
      paramLabel = "GPU",
      description =
          "Plan a calibrated run on a GPU instead, which needn't be there: h100, rtx4090, or the"
              + " numbers GB,BUS,MEMORY,TENSOR,FLOAT that it attains, in GB, GB/s, GB/s, TFLOP/s"
              + " and TFLOP/s.")
  private String gpu;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description =
          "For --plan: a directory with the model's config.json, which is all of it read, or the id"
              + " of a cached model.")
  private String model;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "For --plan: calibration samples (default: 128).")
  private Integer samples;

  @Option(
      names = "--sequence-length",
      paramLabel = "N",
      description =
          "For --plan: tokens of a sample (default: 2048, or the model's maximum if that is less).")
  private Integer sequenceLength;

  @Option(
      names = "--refine",
      paramLabel = "NAME",
      description = "For --plan: swaps, to plan these too.")
  private Refinement refine;

  @Option(
      names = "--update",
      paramLabel = "NAME",
      description = "For --plan: reconstruct or alps, to plan that too.")
  private Update update;

  private enum Refinement {
    SWAPS
  }

  private enum Update {
    RECONSTRUCT,
    ALPS
  }

  @Option(
      names = BackendOptions.PRECISION,
      paramLabel = "fast|high",
      description =
          "For --plan and --check: one 16-bit pass of linear layers, or two (default: high).")
  private Precision precision = Precision.DEFAULT;

  private final List<Map<String, Object>> checks = new ArrayList<>();

  @Override
  public void run() {
    output.exclude("--check", "--plan");
    if (!check) {
      output.warnIfGiven("there is no --check", "--backend", "--device");
    }
    if (gpu != null) {
      plan();
      return;
    }
    output.warnIfGiven(
        "there is no --plan", "--model", "--samples", "--sequence-length", "--refine", "--update");
    if (check) {
      check();
      return;
    }
    output.warnIfGiven("there is no --plan or --check", BackendOptions.PRECISION);
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

  /** Prints what a calibrated run would move and take on a GPU that needn't be there. */
  private void plan() {
    GpuRunPlan.Gpu found = GpuRunPlan.Gpu.named(gpu).orElseGet(() -> ofNumbers(gpu));
    if (model == null) {
      throw new UsageException("--plan needs --model DIR");
    }
    ModelConfig config = ModelConfig.read(HubCache.find(model));
    DecoderDescription description = DecoderFamilies.of(config).describe(config);
    int longest = description.shape().maximumLength();
    int length = positive("--sequence-length", sequenceLength, Math.min(LENGTH, longest));
    if (length > longest) {
      throw new UsageException(
          "--sequence-length: expected at most %d, the model's maximum, found %d"
              .formatted(longest, length));
    }
    int count = positive("--samples", samples, SAMPLES);
    GpuRunPlan plan =
        GpuRunPlan.of(
            description,
            config.bytesPerWeight(description),
            count,
            length,
            found,
            precision,
            refine != null,
            update == Update.RECONSTRUCT,
            update == Update.ALPS);
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("card", found.name());
    object.put("samples", count);
    object.put("sequence_length", length);
    object.put("precision", precision.label());
    object.put("lines", plan.lines());
    object.put("seconds", plan.seconds());
    output.result(object, () -> text(object, plan));
  }

  private static int positive(String option, Integer given, int otherwise) {
    if (given != null && given < 1) {
      throw new UsageException("%s: expected 1 or more, found %d".formatted(option, given));
    }
    return given == null ? otherwise : given;
  }

  private static GpuRunPlan.Gpu ofNumbers(String given) {
    double[] numbers;
    try {
      numbers = Stream.of(given.split(",", -1)).mapToDouble(Double::parseDouble).toArray();
    } catch (NumberFormatException e) {
      throw unknown(given);
    }
    if (numbers.length != NUMBERS
        || !DoubleStream.of(numbers).allMatch(number -> number > 0 && number < 1e9)) {
      throw unknown(given);
    }
    return GpuRunPlan.Gpu.of(given, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
  }

  private static UsageException unknown(String given) {
    return new UsageException(
        "--plan: expected %s or five numbers as 80,50,2680,398,30, found '%s'"
            .formatted(
                GpuRunPlan.Gpu.known().stream()
                    .map(GpuRunPlan.Gpu::name)
                    .collect(Collectors.joining(", ")),
                Printable.of(given)));
  }

  private static Stream<String> text(Map<String, Object> object, GpuRunPlan plan) {
    Stream<String> rows =
        plan.lines().stream()
            .map(line -> "%9.2f s  %s: %s".formatted(line.seconds(), line.what(), line.formula()));
    return Stream.of(
            OutputOptions.lines(
                "on %s, %s samples of %s tokens, precision %s; by arithmetic, nothing of it is"
                    + " measured",
                object.get("card"),
                object.get("samples"),
                object.get("sequence_length"),
                object.get("precision")),
            rows,
            Stream.of("%9.2f s  together".formatted(plan.seconds())))
        .flatMap(lines -> lines);
  }
}
