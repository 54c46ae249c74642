package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.Template;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The {@code README.md} of an output: what the Hub shows of a model, and in its front matter what
 * it files it under. It says what was done, what that is good for and how it is proved. Nothing in
 * it differs between two equal runs on one source.
 */
public final class ModelCard {
  private static final int LONGEST = 1 << 20;
  private static final String WITHOUT = ", without some of its parts (`%s`),";

  /** What a card of the source says that holds of the result too. */
  private static final Pattern INHERITED =
      Pattern.compile(
          "(?m)^(license|license_name|license_link|language|library_name|pipeline_tag):.*"
              + "(\n(?!---)[ \t-].*)*");

  private static final Pattern FRONT = Pattern.compile("(?s)\\A---\n(.*?)\n---\\s*?(\n|\\z)");
  private static final Pattern CACHED =
      Pattern.compile("models--([\\w.-]+?)--([\\w.-]+)/snapshots/");
  private static final Pattern NAME = Pattern.compile("\\w[\\w.-]*/\\w[\\w.-]*");

  private ModelCard() {}

  static void write(
      ModelDirectory source, SideFiles files, OutputDirectory output, Provenance record) {
    if (record.hasCard()) {
      write(source, files, output.file(SideFiles.CARD), record, Map.of());
    }
  }

  /** Adds what was measured, by what it is of, to a finished output's card, if it has one. */
  public static void add(ModelDirectory source, Path output, Map<String, String> measured) {
    Provenance.read(output)
        .filter(Provenance::hasCard)
        .ifPresent(
            record ->
                write(
                    source,
                    SideFiles.of(source.checkpoint(), output).withCard(true),
                    output.resolve(SideFiles.CARD),
                    record,
                    measured));
  }

  private static void write(
      ModelDirectory source,
      SideFiles files,
      Path file,
      Provenance record,
      Map<String, String> measured) {
    Optional<String> base = base(source);
    String text =
        front(base, files)
            + filled(base, record, measured)
            + (files.files().contains(SideFiles.CARD)
                ? "\nThe source's own card is [%1$s](%1$s).\n".formatted(files.sourceCard())
                : "");
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicWrite.replace(file, out -> out.write(bytes), FileModes.like(source.config().file()));
  }

  private static String front(Optional<String> base, SideFiles files) {
    List<String> lines = new ArrayList<>(List.of("---"));
    base.ifPresent(name -> lines.add("base_model: " + name + "\nbase_model_relation: finetune"));
    if (files.files().contains(SideFiles.CARD)) {
      lines.addAll(inherited(files.directory().resolve(SideFiles.CARD)));
    }
    lines.add("tags:\n- pruned\n- wanda-cuda\n---\n");
    return String.join("\n", lines);
  }

  /** Returns the source's name on the Hub, by its place in the cache or its own config. */
  private static Optional<String> base(ModelDirectory source) {
    Matcher cached = CACHED.matcher(source.path().toAbsolutePath().toString());
    if (cached.find()) {
      return Optional.of(cached.group(1) + "/" + cached.group(2));
    }
    return Optional.of(source.config().root().path("_name_or_path").asText())
        .filter(name -> NAME.matcher(name).matches());
  }

  private static List<String> inherited(Path card) {
    String text = InputFile.beginning(card, LONGEST).replace("\r\n", "\n");
    Matcher front = FRONT.matcher(text);
    return front.find()
        ? INHERITED.matcher(front.group(1)).results().map(MatchResult::group).toList()
        : List.of();
  }

  private static String filled(
      Optional<String> base, Provenance record, Map<String, String> measured) {
    Map<String, Object> values = new LinkedHashMap<>(record.values());
    Provenance first = record.parts().orElse(record);
    boolean exact = first.fitted().isEmpty() && !Provenance.UPDATE.equals(values.get("mode"));
    values.computeIfAbsent(Provenance.STRUCTURE, first::value);
    double share = 100.0 * record.zeros() / Math.max(1, record.elements());
    Map<String, String> words = new LinkedHashMap<>();
    words.put("name", base.map(name -> name.replaceFirst(".*/", "")).orElse("A model"));
    words.put(
        "base",
        base.map("[%1$s](https://huggingface.co/%1$s)"::formatted).orElse("The source model")
            + (first.isStructure() ? WITHOUT.formatted(first.value(Provenance.STRUCTURE)) : ""));
    words.put("source", base.orElse("SOURCE"));
    words.put("zeros", String.valueOf(record.zeros()));
    words.put("elements", String.valueOf(record.elements()));
    words.put("share", "%.2f".formatted(share));
    words.put("count", record.isStructure() ? "" : String.valueOf(record.modules().size()));
    words.put("but", exact ? "" : ", but for the weights that were fitted");
    words.put("version", Printable.of(record.version()));
    words.put("facts", facts(values, measured));
    String template = record.isStructure() ? "card-smaller.md" : "card-zeros.md";
    return Template.filled(ModelCard.class, template, words);
  }

  /** Returns rows of what is known in a word or a number, by the keys of the run's record. */
  private static String facts(Map<String, Object> values, Map<String, String> measured) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.keySet().removeAll(List.of("format", "version", Provenance.CARD));
    all.values().removeIf(value -> value instanceof Collection || value instanceof Map);
    all.putAll(measured);
    return all.entrySet().stream()
        .map(
            fact ->
                "| %s | %s |"
                    .formatted(
                        fact.getKey().replace('_', ' '),
                        Printable.of(String.valueOf(fact.getValue())).replace("|", "\\|")))
        .collect(Collectors.joining("\n"));
  }
}
