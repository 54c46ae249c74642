package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.GpuRunPlan;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/** Prints what a calibrated run would move and take on a GPU that needn't be there. */
record GpuPlanPrinter(OutputOptions output) {
  private static final int SAMPLES = 128;
  private static final int LENGTH = 2048;
  private static final int NUMBERS = 5;

  void print(
      String gpu, String model, Integer samples, Integer sequenceLength, Precision precision) {
    GpuRunPlan.Gpu found = gpu(gpu);
    if (model == null) {
      throw new UsageException("--plan needs --model DIR");
    }
    ModelConfig config = ModelConfig.read(HubCache.of(System.getenv()).directory(model));
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
        GpuRunPlan.of(description, bytesPerWeight(config), count, length, found, precision);
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("card", found.name());
    object.put("samples", count);
    object.put("sequence_length", length);
    object.put("precision", precision.label());
    object.put("lines", plan.lines().stream().map(GpuPlanPrinter::row).toList());
    object.put("seconds", plan.seconds());
    output.result(object, () -> text(object, plan));
  }

  private static int bytesPerWeight(ModelConfig config) {
    boolean wide =
        config.find("torch_dtype").or(() -> config.find("dtype")).stream()
            .anyMatch(type -> type.asText().equals("float32"));
    return wide ? Float.BYTES : Short.BYTES;
  }

  private static int positive(String option, Integer given, int otherwise) {
    if (given != null && given < 1) {
      throw new UsageException("%s: expected 1 or more, found %d".formatted(option, given));
    }
    return given == null ? otherwise : given;
  }

  private static GpuRunPlan.Gpu gpu(String given) {
    return GpuRunPlan.Gpu.named(given).orElseGet(() -> ofNumbers(given));
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

  private static Map<String, Object> row(GpuRunPlan.Line line) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("what", line.what());
    row.put("formula", line.formula());
    row.put("amount", line.amount());
    row.put("rate", line.rate());
    row.put("seconds", line.seconds());
    return row;
  }

  private static Stream<String> text(Map<String, Object> object, GpuRunPlan plan) {
    Stream<String> rows =
        plan.lines().stream()
            .map(line -> "%9.2f s  %s: %s".formatted(line.seconds(), line.what(), line.formula()));
    return Stream.of(
            MultilineText.of(
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
