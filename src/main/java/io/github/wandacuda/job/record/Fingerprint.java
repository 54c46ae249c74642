package io.github.wandacuda.job.record;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * All that the bytes of a run's output depend on: two runs with equal fingerprints write the same
 * output.
 *
 * @param parts values by name
 */
public record Fingerprint(Map<String, String> parts) {
  /** The part that only runs in place have. */
  public static final String IN_PLACE = "in_place";

  /** The part that only packing and unpacking have: the command. */
  public static final String PACKING = "packing";

  /** The part that only runs in parts have: how many. */
  public static final String PARTS = "parts";

  private static final int LONGEST_SHOWN = 80;

  public Fingerprint {
    parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
  }

  /** Returns the fingerprint of the run that made a finished directory. */
  public static Fingerprint of(Provenance provenance) {
    Map<String, String> parts = new LinkedHashMap<>();
    provenance.cause().forEach((name, value) -> parts.put(name, value.toString()));
    return new Fingerprint(parts);
  }

  /** Reads a fingerprint from a journal. */
  public static Fingerprint of(JsonNode object) {
    Map<String, String> parts = new LinkedHashMap<>();
    object.properties().forEach(part -> parts.put(part.getKey(), part.getValue().asText()));
    return new Fingerprint(parts);
  }

  /** Returns this fingerprint with more parts. */
  public Fingerprint with(Map<String, String> more) {
    Map<String, String> all = new LinkedHashMap<>(parts);
    all.putAll(more);
    return new Fingerprint(all);
  }

  /**
   * Checks that the run that has begun or written an output is this one. The message has all
   * differences, or only the number of parts if that differs.
   *
   * @param output the directory, for the message
   * @param there the fingerprint of the run there
   * @throws io.github.wandacuda.error.UsageException if it is another run
   */
  public void requireSame(Path output, Fingerprint there) {
    List<String> differences =
        Objects.equals(parts.get(PARTS), there.parts.get(PARTS))
            ? differencesFrom(there)
            : List.of(difference(PARTS, there.part(PARTS), part(PARTS)));
    if (!differences.isEmpty()) {
      throw ErrorDetails.file(output)
          .refused(
              "holds the output of another run, which differs in "
                  + String.join(", ", differences));
    }
  }

  /**
   * Returns the differences between this run and another one, in words.
   *
   * @return empty if they are the same
   */
  public List<String> differencesFrom(Fingerprint recorded) {
    Map<String, String> all = new LinkedHashMap<>(recorded.parts);
    parts.forEach(all::putIfAbsent);
    List<String> differences = new ArrayList<>();
    for (String name : all.keySet()) {
      String there = recorded.part(name);
      String now = part(name);
      if (!there.equals(now)) {
        differences.add(difference(name, there, now));
      }
    }
    return differences;
  }

  private String part(String name) {
    return parts.getOrDefault(name, "none");
  }

  private static String difference(String name, String there, String now) {
    return there.length() > LONGEST_SHOWN || now.length() > LONGEST_SHOWN
        ? Printable.of(name) + " (too long to show)"
        : "%s (there %s, now %s)"
            .formatted(Printable.of(name), Printable.of(there), Printable.of(now));
  }
}
