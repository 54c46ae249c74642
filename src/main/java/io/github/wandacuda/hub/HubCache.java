package io.github.wandacuda.hub;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The cache of Hugging Face's tools. It has a folder {@code models--org--name} for each model with
 * the folders {@code snapshots/<commit>} and a file {@code refs/main}, which names the current
 * commit.
 */
public record HubCache(Path root) {
  private static final Pattern NAME =
      Pattern.compile(
          "(?:https?://(?:www\\.)?(?:huggingface\\.co|hf\\.co)/)?"
              + "([\\w][\\w.-]*)/([\\w][\\w.-]*?)(?:/(?:tree|blob|resolve)/.*|/)?");

  private static final int MOST_NAMED = 5;

  /** Bytes of a file that has a word alone. */
  static final int LONGEST_WORD = 4096;

  public static HubCache of(Map<String, String> environment) {
    for (String variable : List.of("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")) {
      String given = environment.getOrDefault(variable, "");
      if (!given.isEmpty()) {
        return new HubCache(Path.of(given));
      }
    }
    return new HubCache(home(environment).resolve("hub"));
  }

  /** Returns the folder of Hugging Face's tools, in which the cache is and a token may be. */
  static Path home(Map<String, String> environment) {
    String home = environment.getOrDefault("HF_HOME", "");
    String cache = environment.getOrDefault("XDG_CACHE_HOME", "");
    Path parent =
        cache.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache);
    return home.isEmpty() ? parent.resolve("huggingface") : Path.of(home);
  }

  Path repository(boolean dataset, String name) {
    return root.resolve((dataset ? "datasets--" : "models--") + name.replace("/", "--"));
  }

  /** Returns what {@code refs/main} of a repository names, if it is there. */
  Optional<Path> snapshot(boolean dataset, String name) {
    Path folder = repository(dataset, name);
    return Files.isDirectory(folder) ? Optional.of(snapshot(folder)) : Optional.empty();
  }

  /** Returns the directory that a user names, as {@link #directory} does, in this user's cache. */
  public static Path find(String given) {
    if (given.isEmpty()) {
      throw new UsageException("expected a model's directory or id, found ''");
    }
    return of(System.getenv()).directory(given);
  }

  /**
   * Returns the model directory that a user names: an existing directory, or the snapshot of a
   * cached model, named by its id, the address of its page or its folder in a cache.
   */
  public Path directory(String given) {
    Optional<Path> path = path(given);
    if (path.isPresent() && Files.exists(path.get())) {
      return ofPath(path.get());
    }
    Matcher name = NAME.matcher(given);
    if (!name.matches()) {
      return path.orElseThrow(
          () -> ErrorDetails.of(given).wrong("a model directory", "no name that a file can have"));
    }
    String id = name.group(1) + "/" + name.group(2);
    return snapshot(false, id)
        .orElseThrow(
            () ->
                ErrorDetails.file(Path.of(id))
                    .hint("run 'wanda-cuda download %s' first, or name the folder".formatted(id))
                    .wrong(
                        "a model directory, or a model in the Hugging Face cache " + root,
                        "neither"));
  }

  private static Optional<Path> path(String given) {
    try {
      return Optional.of(Path.of(given));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  private static Path ofPath(Path path) {
    if (path.getFileName().toString().endsWith(".gguf") && Files.isRegularFile(path)) {
      return path;
    }
    if (!Files.isDirectory(path)) {
      throw ErrorDetails.file(path)
          .hint("name the folder that it is in")
          .wrong("a model directory or a .gguf file", "a file");
    }
    if (Files.exists(path.resolve("config.json"))) {
      return path;
    }
    if (Files.isDirectory(path.resolve("snapshots"))) {
      return snapshot(path);
    }
    List<Path> models = children(path, "models--");
    List<Path> inside = models.isEmpty() ? children(path.resolve("hub"), "models--") : models;
    if (!inside.isEmpty()) {
      List<Path> snapshots =
          inside.stream()
              .flatMap(model -> children(model.resolve("snapshots"), "").stream())
              .toList();
      throw ErrorDetails.file(path)
          .hint("name one of its snapshots: " + named(snapshots))
          .wrong("a model directory", "a cache of several");
    }
    return path;
  }

  private static Path snapshot(Path model) {
    Path reference = model.resolve("refs").resolve("main");
    List<Path> snapshots = children(model.resolve("snapshots"), "");
    if (Files.exists(reference)) {
      Path meant = model.resolve("snapshots").resolve(commit(reference));
      if (snapshots.contains(meant)) {
        return meant;
      }
    }
    throw ErrorDetails.file(model)
        .hint(
            snapshots.isEmpty()
                ? "download the model again"
                : "name one of its snapshots: " + named(snapshots))
        .wrong("the snapshot that its refs/main names", "none");
  }

  private static String commit(Path reference) {
    String commit = InputFile.beginning(reference, LONGEST_WORD).strip();
    return commit.matches("[\\w.-]+") ? commit : "none";
  }

  private static String named(List<Path> folders) {
    String names =
        folders.stream().limit(MOST_NAMED).map(Path::toString).collect(Collectors.joining(", "));
    return folders.size() > MOST_NAMED
        ? "%s and %d more".formatted(names, folders.size() - MOST_NAMED)
        : names;
  }

  private static List<Path> children(Path folder, String prefix) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> found = Files.list(folder)) {
      return found
          .filter(Files::isDirectory)
          .filter(child -> child.getFileName().toString().startsWith(prefix))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw InputException.unreadable(folder, e);
    }
  }
}
