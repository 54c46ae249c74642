package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The entries of a source's front matter that hold for the result, too, such as its licence. They
 * are read before work begins, and an error in them is a warning: a card never ends a run.
 *
 * @param values by their keys, each as the YAML that follows the key
 */
public record CardFront(Map<String, String> values) {
  private static final Logger LOG = LoggerFactory.getLogger(CardFront.class);
  private static final int LONGEST = 1 << 20;
  private static final String FENCE = "---";

  static final CardFront NONE = new CardFront(Map.of());

  private static final List<String> INHERITED =
      List.of(
          "license", "license_name", "license_link", "language", "library_name", "pipeline_tag");

  /**
   * Returns the files of an output, with a card of its own if that is wanted.
   *
   * @param files as the source has them
   * @throws UsageException if the output would have no place for a card
   */
  public static SideFiles files(SideFiles files, boolean card) {
    boolean folder = files.files().stream().anyMatch(file -> isBelow(file, SideFiles.CARD));
    if (card && folder) {
      throw noPlace(files.directory().resolve(SideFiles.CARD));
    }
    return files.withCard(card);
  }

  private static boolean isBelow(Path file, Path folder) {
    return file.startsWith(folder) && !file.equals(folder);
  }

  private static UsageException noPlace(Path folder) {
    return ErrorDetails.file(folder)
        .hint("ask for no model card, or rename the folder")
        .refused("a file, since the output's model card has this name", "a folder");
  }

  /**
   * Reads the source's front matter if the output has a card of its own. Warns if it can't be read.
   */
  static CardFront read(SideFiles files) {
    if (!files.card() || !files.files().contains(SideFiles.CARD)) {
      return NONE;
    }
    Path card = files.directory().resolve(SideFiles.CARD);
    try {
      return new CardFront(FrontMatter.read(front(InputFile.beginning(card, LONGEST)), INHERITED));
    } catch (IllegalArgumentException | InputException e) {
      LOG.warn(
          "{}: the new model card takes no licence or language from it: {}",
          Printable.of(card),
          e.getMessage());
    } catch (NoClassDefFoundError e) {
      LOG.warn(
          "{}: the new model card takes no licence or language from it: snakeyaml-engine, which"
              + " reads them, isn't in the class path",
          Printable.of(card));
    }
    return NONE;
  }

  private static String front(String text) {
    List<String> lines = text.lines().toList();
    if (lines.isEmpty() || !isFence(lines.getFirst())) {
      return "";
    }
    List<String> below = lines.subList(1, lines.size());
    if (below.stream().noneMatch(CardFront::isFence)) {
      throw new IllegalArgumentException(
          "expected a line of %s that ends the front matter within %d bytes, found none"
              .formatted(FENCE, LONGEST));
    }
    return below.stream().takeWhile(line -> !isFence(line)).collect(Collectors.joining("\n"));
  }

  private static boolean isFence(String line) {
    return line.stripTrailing().equals(FENCE);
  }
}
