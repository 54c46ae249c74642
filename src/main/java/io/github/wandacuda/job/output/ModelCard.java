package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Template;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.Verdict;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@code README.md} of an output: what the Hub shows of a model, with the front matter by which
 * the Hub sorts it. It says what was done, what the result is good for and how it was verified. Two
 * equal runs on one source write the same card.
 */
public final class ModelCard {
  private static final Logger LOG = LoggerFactory.getLogger(ModelCard.class);
  private static final Pattern CACHED =
      Pattern.compile("models--([\\w.-]+?)--([\\w.-]+)/snapshots/");
  private static final Pattern NAME = Pattern.compile("\\w[\\w.-]*/\\w[\\w.-]*");

  private ModelCard() {}

  /**
   * What was measured of a source and its result.
   *
   * @param text the name of the text
   * @param before the source's perplexity
   * @param after the result's perplexity
   */
  public record Measured(String text, double before, double after) {}

  static void write(
      ModelDirectory source,
      SideFiles files,
      CardFront front,
      OutputDirectory output,
      Provenance record) {
    if (record.hasCard()) {
      write(source, files, front, output.file(SideFiles.CARD), record, Optional.empty());
    }
  }

  /**
   * Adds what was measured to a finished output's card, if it has one. The run has succeeded by
   * then, so a failure is only a warning.
   *
   * @param source the model that was pruned
   * @param output the finished directory
   */
  public static void add(ModelDirectory source, Path output, Measured measured) {
    try {
      Optional<Provenance> record = Provenance.read(output).filter(Provenance::hasCard);
      if (record.isPresent()) {
        SideFiles files = SideFiles.of(source.checkpoint(), output).withCard(true);
        Path card = output.resolve(SideFiles.CARD);
        write(source, files, CardFront.read(files), card, record.get(), Optional.of(measured));
      }
    } catch (InputException | OutputException e) {
      LOG.warn("the model card lacks the perplexity that was measured: {}", e.getMessage());
    }
  }

  private static void write(
      ModelDirectory source,
      SideFiles files,
      CardFront inherited,
      Path file,
      Provenance record,
      Optional<Measured> measured) {
    Optional<String> base = base(source);
    String text =
        front(base, inherited)
            + filled(source, base, record, measured)
            + (files.files().contains(SideFiles.CARD)
                ? "\nThe source's own card is [%1$s](%1$s).\n".formatted(files.sourceCard())
                : "");
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicWrite.replace(file, out -> out.write(bytes), FileModes.like(source.config().file()));
  }

  private static String front(Optional<String> base, CardFront inherited) {
    Map<String, String> values = new LinkedHashMap<>();
    base.ifPresent(
        name -> {
          values.put("base_model", " " + name);
          values.put("base_model_relation", " finetune");
        });
    // With these two keys the Hub offers code and a place to try the model, as it does for most
    // sources.
    values.put("library_name", " transformers");
    values.put("pipeline_tag", " text-generation");
    values.putAll(inherited.values());
    values.put("tags", "\n- pruned\n- wanda-cuda");
    return values.entrySet().stream()
        .map(value -> value.getKey() + ":" + value.getValue())
        .collect(Collectors.joining("\n", "---\n", "\n---\n"));
  }

  /**
   * Returns the source's name on the Hub, from its place in the Hub's cache or from its own config.
   */
  private static Optional<String> base(ModelDirectory source) {
    Matcher cached = CACHED.matcher(source.path().toAbsolutePath().toString());
    if (cached.find()) {
      return Optional.of(cached.group(1) + "/" + cached.group(2));
    }
    return Optional.of(source.config().root().path("_name_or_path").asText())
        .filter(name -> NAME.matcher(name).matches());
  }

  private static String filled(
      ModelDirectory source,
      Optional<String> base,
      Provenance record,
      Optional<Measured> measured) {
    List<String> fitted = record.parts().map(RemovalRecord::fitted).orElse(List.of());
    boolean exact = fitted.isEmpty() && !Provenance.UPDATE.equals(record.value("mode"));
    CardFacts facts = new CardFacts(source, record);
    Verdict verdict = facts.verdict();
    if (measured.isPresent()) {
      verdict = verdict.measured(measured.get().before(), measured.get().after());
    }
    String name = base.orElse(Printable.of(folder(source)));
    Map<String, String> words = new LinkedHashMap<>();
    words.put("name", name.replaceFirst(".*/", ""));
    words.put(
        "base",
        base.map("[%1$s](https://huggingface.co/%1$s)"::formatted).orElse("`" + name + "`"));
    words.put("verdict", verdict.text());
    words.put("source", base.isPresent() ? name : "SOURCE");
    words.put("but", exact ? "" : ", but for the weights that were fitted");
    words.put("version", Printable.of(record.version()));
    words.put("facts", facts.rows(measured));
    String template = record instanceof RemovalRecord ? "card-smaller.md" : "card-zeros.md";
    return Template.filled(ModelCard.class, template, words);
  }

  private static String folder(ModelDirectory source) {
    Path name = source.path().toAbsolutePath().normalize().getFileName();
    return name == null ? "Model" : name.toString().replace('`', '\'');
  }
}
