package io.github.wandacuda.system;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;

/** A constant of an enum that the command line and files call by its name in small letters. */
public interface Labelled {
  String name();

  /** Returns the name that the command line and files use. */
  default String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Returns the one of a name.
   *
   * @param key where the name stands, for the message
   * @throws io.github.wandacuda.error.UsageException for any other name; it lists theirs
   */
  static <T extends Labelled> T of(String label, Collection<T> all, String key) {
    String labels = all.stream().map(Labelled::label).collect(Collectors.joining(", "));
    return all.stream()
        .filter(each -> each.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                ErrorDetails.of(key)
                    .refused("one of " + labels, "'%s'".formatted(Printable.of(label))));
  }
}
