package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.cli.option.DecoderOption;
import io.github.wandacuda.cli.option.OptionNames;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.verify.Inspector;
import io.github.wandacuda.job.verify.Inspector.Inspection;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.family.FamilyFile;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Says what a model directory holds: its family, modules, formats and zeros. */
@Command(
    name = "inspect",
    description =
        "Shows what a model directory holds: family, modules, shapes, dtypes, zeros, patterns.",
    footer = {"  wanda-cuda inspect --model org/model"})
final class InspectCommand extends Subcommand {
  private static final long SMALL = 1 << 24;

  private static final int MOST_BLOCKS = 10_000;

  /** The widest column of names. A longer name shifts only its own row. */
  private static final int WIDEST = 100;

  /** Where modules stand that have no number. */
  private static final String OUTSIDE = "none";

  @Mixin private DecoderOption model;

  @Option(names = "--modules", description = "Show each module instead of each block.")
  private boolean byModule;

  @Option(
      names = "--match",
      paramLabel = "REGEX",
      description = "Count and show only linear modules in whose name this is found.")
  private Pattern match;

  @Override
  public void run() {
    try (ModelDirectory model = this.model.open(output)) {
      List<LinearModule> chosen =
          match == null ? model.modules() : ModuleChoice.named("--match", match, model.modules());
      Map<String, Object> object = facts(model);
      output.row(head(object));
      if (object.get("parts") instanceof Map<?, ?> parts) {
        output.detail("blocks with %s", text(parts));
      }
      List<Inspection> modules = Inspector.inspect(chosen, threads(chosen), output.progress());
      modules.sort(Comparator.comparing(row -> row.module().name(), TensorNames.NATURAL));
      object.put("prunable", prunable(modules));
      object.put("zeros", zeros(modules));
      object.put("sparsity", sparsity(modules));
      object.put("formats", formats(modules));
      object.put("modules", modules.stream().map(InspectCommand::row).toList());
      output.result(object, () -> text(object, modules));
    }
  }

  /** Returns one for a small model, since it takes more time to start the others. */
  private static int threads(List<LinearModule> modules) {
    long weights = modules.stream().mapToLong(LinearModule::elements).sum();
    return weights < SMALL ? 1 : Runtime.getRuntime().availableProcessors();
  }

  private static Map<String, Object> facts(ModelDirectory model) {
    Checkpoint checkpoint = model.checkpoint();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("model_type", model.config().modelType());
    object.put("architecture", model.config().architecture());
    object.put("parameters", model.parameters());
    object.put("bytes", checkpoint.totalBytes());
    if (checkpoint.shards().stream().allMatch(shard -> shard.bytes() instanceof PackedShard)) {
      List<PackedShard> shards =
          checkpoint.shards().stream().map(shard -> (PackedShard) shard.bytes()).toList();
      object.put("packed_modules", shards.stream().mapToInt(PackedShard::modules).sum());
      object.put(
          "packed_bytes", shards.stream().mapToLong(shard -> shard.stored().byteSize()).sum());
    }
    if (model.isGguf()) {
      object.put(
          "gguf", Map.of("bytes", model.storedBytes(), "types", GgufCheckpoint.types(checkpoint)));
    }
    Map<String, Long> towers = LinearModules.towers(checkpoint);
    if (!towers.isEmpty()) {
      object.put("left_alone", towers);
    }
    Map<String, Integer> parts = null;
    String obstacle = null;
    try {
      parts = parts(model);
    } catch (InputException e) {
      obstacle = OptionNames.in(e.details(), "--family"::equals).line();
    }
    object.put("calibrated_run", obstacle == null);
    object.put("obstacle", obstacle);
    object.put("parts", parts);
    return object;
  }

  /** Returns what blocks are made of, and how many of each; refuses a model it can't run. */
  private static Map<String, Integer> parts(ModelDirectory model) {
    DecoderDescription description = DecoderFamilies.describe(model);
    Map<String, Integer> parts = new TreeMap<>();
    // A config may claim more blocks than there are.
    description
        .blocks()
        .limit(MOST_BLOCKS)
        .flatMap(block -> Stream.of(block.attention(), block.mlp()))
        .forEach(part -> parts.merge(FamilyFile.kind(part.getClass()), 1, Integer::sum));
    return parts;
  }

  private static String text(Map<?, ?> parts) {
    return parts.entrySet().stream()
        .map(part -> "%s: %s".formatted(part.getKey(), part.getValue()))
        .collect(Collectors.joining(", "));
  }

  private static String head(Map<String, Object> facts) {
    Object obstacle = facts.get("obstacle");
    Object without = facts.containsKey("gguf") ? "GGUF" : "no architecture";
    return "%s, %s: %s"
        .formatted(
            facts.get("model_type").equals("") ? "no model type" : facts.get("model_type"),
            facts.get("architecture").equals("") ? without : facts.get("architecture"),
            obstacle == null
                ? "a calibrated run is possible"
                : "no calibrated run, since " + obstacle);
  }

  private static long prunable(List<Inspection> modules) {
    return modules.stream()
        .filter(inspection -> inspection.module().isRead())
        .mapToLong(inspection -> inspection.module().elements())
        .sum();
  }

  private static long zeros(List<Inspection> modules) {
    return modules.stream().mapToLong(Inspection::zeros).sum();
  }

  private static double sparsity(List<Inspection> modules) {
    long weights = prunable(modules);
    return weights == 0 ? 0 : (double) zeros(modules) / weights;
  }

  private static Map<String, Object> row(Inspection inspection) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", inspection.module().name());
    row.put("dtype", inspection.module().tensor().dtype());
    if (!inspection.module().isPlain() && inspection.module().isRead()) {
      row.put("format", inspection.module().format());
      row.put("bits", inspection.module().quantized().bitsPerWeight());
    }
    row.put("rows", inspection.module().rows());
    row.put("columns", inspection.module().columns());
    row.put("zeros", inspection.zeros());
    row.put("sparsity", inspection.sparsity());
    row.put("patterns", inspection.patterns());
    return row;
  }

  private Stream<String> text(Map<String, Object> object, List<Inspection> modules) {
    Stream<String> foot =
        Stream.of(
            "%s parameters in %s bytes, %s of them in %d linear modules, %s of those zero (%.2f %%)"
                .formatted(
                    object.get("parameters"),
                    object.get("bytes"),
                    object.get("prunable"),
                    modules.size(),
                    object.get("zeros"),
                    100 * sparsity(modules)));
    Stream<String> packed =
        object.containsKey("packed_modules")
            ? Stream.of(
                "packed: %s weights, in files of %s bytes"
                    .formatted(object.get("packed_modules"), object.get("packed_bytes")))
            : Stream.of();
    Stream<String> gguf =
        object.get("gguf") instanceof Map<?, ?> found
            ? Stream.of(
                "GGUF: %s bytes, tensors by type %s"
                    .formatted(found.get("bytes"), text((Map<?, ?>) found.get("types"))))
            : Stream.of();
    Stream<String> towers =
        object.get("left_alone") instanceof Map<?, ?> found
            ? found.entrySet().stream()
                .map(
                    tower ->
                        "left alone: %s, %s parameters"
                            .formatted(Printable.of(tower.getKey().toString()), tower.getValue()))
            : Stream.of();
    Stream<String> formats =
        formats(modules).entrySet().stream()
            .map(
                format ->
                    "%s in %d linear modules%s"
                        .formatted(
                            format.getKey(),
                            format.getValue(),
                            object.containsKey("packed_modules") ? ", unpacked" : ""));
    return Stream.of(
            byModule ? modules(modules) : blocks(modules), formats, foot, packed, gguf, towers)
        .flatMap(Function.identity());
  }

  private static Stream<String> modules(List<Inspection> modules) {
    int longest = modules.stream().mapToInt(row -> shown(row).length()).max().orElse(6);
    int widest = modules.stream().mapToInt(row -> stored(row).length()).max().orElse(5);
    String line =
        "%-" + Math.min(WIDEST, longest) + "s  %-" + Math.max(5, widest) + "s %17s  %8s  %s";
    return Stream.concat(
        Stream.of(line.formatted("module", "dtype", "rows x columns", "zeros", "patterns")),
        modules.stream().map(row -> module(line, row)));
  }

  private static String module(String format, Inspection row) {
    return format
        .formatted(
            shown(row),
            stored(row),
            row.module().rows() + " x " + row.module().columns(),
            "%.2f %%".formatted(100 * row.sparsity()),
            String.join(" ", row.patterns()))
        .stripTrailing();
  }

  /** Returns what a weight is stored as, and with scales, how many bits it takes with them. */
  private static String stored(Inspection row) {
    LinearModule module = row.module();
    return module.isPlain() || !module.isRead()
        ? Printable.of(module.tensor().dtype())
        : "%s (%.2f bits)".formatted(module.format(), module.quantized().bitsPerWeight());
  }

  /** Returns how many modules are stored in each format. */
  private static Map<String, Integer> formats(List<Inspection> modules) {
    Map<String, Integer> formats = new TreeMap<>();
    modules.forEach(row -> formats.merge(stored(row), 1, Integer::sum));
    return formats;
  }

  private static String shown(Inspection row) {
    return Printable.of(row.module().name());
  }

  private static Stream<String> blocks(List<Inspection> modules) {
    Map<String, List<Inspection>> blocks = new LinkedHashMap<>();
    for (Inspection inspection : modules) {
      OptionalInt number = LinearModules.block(inspection.module().name());
      String block = number.isPresent() ? String.valueOf(number.getAsInt()) : OUTSIDE;
      blocks.computeIfAbsent(block, any -> new ArrayList<>()).add(inspection);
    }
    String line = "%-5s  %7s  %14s  %8s  %s";
    List<String> lines = new ArrayList<>();
    lines.add(line.formatted("block", "modules", "weights", "zeros", "patterns"));
    for (Map.Entry<String, List<Inspection>> block : blocks.entrySet()) {
      lines.add(block(line, block.getKey(), block.getValue()));
    }
    return lines.stream();
  }

  private static String block(String format, String block, List<Inspection> modules) {
    List<String> patterns = new ArrayList<>(modules.getFirst().patterns());
    for (Inspection module : modules) {
      patterns.retainAll(module.patterns());
    }
    return format
        .formatted(
            block,
            modules.size(),
            prunable(modules),
            "%.2f %%".formatted(100 * sparsity(modules)),
            String.join(" ", patterns))
        .stripTrailing();
  }
}
