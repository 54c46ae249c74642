package io.github.wandacuda.job.prune;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.NamePatterns.Search;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonInput;
import io.github.wandacuda.model.LinearModules;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A file that says how much of each module is pruned: a JSON object from keys to sparsities of at
 * least 0 and less than 1. A key is a regular expression, which is found anywhere in a module's
 * name, or a decoder block's number, if it has nothing but digits. The first key of the file that a
 * module matches applies to it.
 *
 * <p>A file that can't be read or has another form is a wrong input; an object that asks for
 * something impossible is a wrong request, as an option would be.
 *
 * @param file the path, for messages
 * @param entries in the file's order
 */
record AllocationFile(Path file, List<Entry> entries) {
  private static final long LONGEST = 16 << 20;
  private static final Pattern NUMBER = Pattern.compile("\\d+");

  /** A key and its value; the pattern is null for a block's number. */
  private record Entry(String key, Pattern pattern, double sparsity) {
    boolean matches(String module, OptionalInt block, Search search) {
      return pattern == null
          ? block.isPresent() && key.equals(String.valueOf(block.getAsInt()))
          : search.finds(pattern, module);
    }
  }

  /**
   * Reads a file.
   *
   * @throws InputException if it can't be read, is longer than 16 MiB or no JSON object
   * @throws UsageException if a key isn't a regular expression or occurs twice, or a value is no
   *     sparsity
   */
  public static AllocationFile read(Path file) {
    return InputFile.reading(
        file,
        () -> {
          long unused = InputFile.size(file, LONGEST);
          return new AllocationFile(
              file,
              JsonInput.read(
                  file, "allocation", InputFile.stream(file), json -> entries(file, json)));
        });
  }

  private static List<Entry> entries(Path file, JsonParser json) throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw ErrorDetails.part(file, "allocation")
          .wrong("a JSON object from modules or blocks to sparsities", JsonInput.found(json));
    }
    Set<String> keys = new HashSet<>();
    List<Entry> entries = new ArrayList<>();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String key = json.currentName();
      ErrorDetails place =
          ErrorDetails.part(
              file,
              "line %d: '%s'"
                  .formatted(json.currentTokenLocation().getLineNr(), Printable.of(key)));
      if (!keys.add(key)) {
        throw new UsageException(place.said("this key is there twice"));
      }
      Pattern pattern = NUMBER.matcher(key).matches() ? null : compile(place, key);
      entries.add(new Entry(key, pattern, sparsity(place, json)));
    }
    return entries;
  }

  private static Pattern compile(ErrorDetails place, String key) {
    try {
      return NamePatterns.compile(key);
    } catch (PatternSyntaxException e) {
      throw place.refused(
          "a block's number or a regular expression", Printable.of(e.getDescription()), e);
    }
  }

  private static double sparsity(ErrorDetails place, JsonParser json) throws IOException {
    JsonToken token = json.nextToken();
    if (token == JsonToken.VALUE_NUMBER_INT || token == JsonToken.VALUE_NUMBER_FLOAT) {
      double value = json.getDoubleValue();
      if (value >= 0 && value < 1) {
        return new Sparsity.Ratio(value).fraction();
      }
    }
    throw place.refused("a number of at least 0 and less than 1", JsonInput.found(json));
  }

  /**
   * Returns the sparsity of each module, in their order.
   *
   * @param modules names as in the checkpoint, without {@code .weight}
   * @param otherwise the sparsity of a module that no key matches
   * @return by module
   * @throws UsageException if a key matches no module, or matching takes too long
   */
  public Map<String, Double> of(List<String> modules, double otherwise) {
    return NamePatterns.inTime(
        ErrorDetails.file(file), search -> matching(modules, otherwise, search));
  }

  private Map<String, Double> matching(List<String> modules, double otherwise, Search search) {
    Map<String, Double> sparsities = new LinkedHashMap<>();
    Set<Entry> used = new HashSet<>();
    for (String module : modules) {
      OptionalInt block = LinearModules.block(module);
      sparsities.put(module, otherwise);
      for (Entry entry : entries) {
        if (entry.matches(module, block, search)) {
          sparsities.put(module, entry.sparsity());
          used.add(entry);
          break;
        }
      }
    }
    for (Entry entry : entries) {
      // A key that applies to no module may still match some, to which an earlier key applies.
      if (!used.contains(entry)
          && modules.stream()
              .noneMatch(module -> entry.matches(module, LinearModules.block(module), search))) {
        throw ErrorDetails.part(file, "'%s'".formatted(Printable.of(entry.key())))
            .hint("'wanda-cuda inspect' lists the names")
            .refused(
                entry.pattern() == null
                    ? "the number of a block that is pruned"
                    : "a pattern that is found in a module's name",
                "one that matches none of %d modules".formatted(modules.size()));
      }
    }
    return sparsities;
  }
}
