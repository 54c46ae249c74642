package io.github.wandacuda.cli;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Precision;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Lists every backend and device, usable or not and why. */
@Command(
    name = "devices",
    description = "Lists every backend and device, usable or not and why.",
    footerHeading = "%n",
    footer = {"  wanda-cuda devices", "  wanda-cuda devices --plan h100 --model org/model"},
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Runnable {
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
      names = BackendOptions.PRECISION,
      paramLabel = "fast|high",
      description = "For --plan: one 16-bit pass of linear layers, or two (default: high).")
  private Precision precision = Precision.DEFAULT;

  @Mixin private OutputOptions output;

  @Override
  public void run() {
    if (gpu != null) {
      new GpuPlanPrinter(output).print(gpu, model, samples, sequenceLength, precision);
      return;
    }
    output.warnIfGiven(
        "there is no --plan",
        "--model",
        "--samples",
        "--sequence-length",
        BackendOptions.PRECISION);
    List<Map<String, Object>> devices = new ArrayList<>();
    for (BackendProvider provider : Backends.providers()) {
      output.detail("looking for devices of %s", provider.name());
      provider.listing().forEach(device -> devices.add(row(provider, device)));
    }
    output.result(Map.of("devices", devices), () -> text(devices));
  }

  private static Map<String, Object> row(BackendProvider provider, DeviceDescription device) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("backend", provider.name());
    row.put("device", device.index());
    row.put("name", device.name());
    row.put("usable", device.usable());
    row.put("reason", device.reason());
    return row;
  }

  private static Stream<String> text(List<Map<String, Object>> devices) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("backend", "device", "usable", "name", "why"));
    devices.forEach(device -> rows.add(cells(device)));
    List<Integer> widths =
        IntStream.range(0, rows.getFirst().size() - 1)
            .mapToObj(column -> rows.stream().mapToInt(row -> row.get(column).length()).max())
            .map(OptionalInt::orElseThrow)
            .toList();
    String format =
        widths.stream().map(width -> "%-" + width + "s  ").collect(Collectors.joining()) + "%s";
    return rows.stream().map(row -> format.formatted(row.toArray()));
  }

  private static List<String> cells(Map<String, Object> row) {
    return List.of(
        Printable.of(row.get("backend").toString()),
        row.get("device").toString(),
        (boolean) row.get("usable") ? "yes" : "no",
        Printable.of(row.get("name").toString()),
        Printable.message(row.get("reason").toString()));
  }
}
