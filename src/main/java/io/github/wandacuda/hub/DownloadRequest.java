package io.github.wandacuda.hub;

import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Which files of the Hub are asked for.
 *
 * @param dataset whether they are a data set's, not a model's
 * @param name {@code org/name}
 * @param revision a branch, a tag, a commit or {@code refs/pr/1}
 * @param include globs, one of which a file's path has to match; none for what pruning needs
 * @param exclude globs, none of which it may match
 * @param output the folder for the files, instead of the cache
 */
public record DownloadRequest(
    boolean dataset,
    String name,
    String revision,
    List<String> include,
    List<String> exclude,
    Optional<Path> output) {
  /** The name of the branch that every repository has. */
  private static final String MAIN = "main";

  private static final Pattern NAME =
      Pattern.compile("(datasets/)?(?=.{1,96}$)(\\w[\\w.-]*/\\w[\\w.-]*)");

  /** No part begins with a dot, so that none leads out of the cache's folders. */
  private static final Pattern REVISION = Pattern.compile("\\w[\\w.+-]*(/\\w[\\w.+-]*)*");

  /** Names of licences and their like, which often have no ending. */
  private static final String LICENCE =
      "[^/.]*(licen[cs]e|notice|policy|copying)[^/.]*(\\.(txt|md|pdf|html))?";

  /**
   * What a pruner and the engines that load its result read of a model's own folder: the weights,
   * what describes them and the tokenizer, and licences. Weights of other programs have names of
   * their own in folders of their own.
   */
  private static final Pattern OF_MODEL =
      Pattern.compile(
          "(?i)(?!consolidated)[^/]+\\.(safetensors|json|jinja|txt|model|md)|" + LICENCE);

  /**
   * All that is ever fetched: weights, texts and tables that are read without running code of
   * theirs. A list of what is wanted, since nobody knows all names of pickles.
   */
  private static final Pattern WANTED =
      Pattern.compile(
          "(?is)(.*/)?([^/]+\\.(safetensors|gguf|model|jinja|md|py|yaml|parquet"
              + "|(json|jsonl|txt|csv|tsv)(\\.(gz|zst|bz2|xz))?)|"
              + LICENCE
              + ")");

  public DownloadRequest {
    include = List.copyOf(include);
    exclude = List.copyOf(exclude);
    if (!REVISION.matcher(revision).matches()) {
      throw new UsageException("expected a branch, tag or commit, found '%s'".formatted(revision));
    }
  }

  /** Returns the request for what a user names: {@code org/name} or {@code datasets/org/name}. */
  public static DownloadRequest of(String given) {
    Optional<KnownText> known = KnownText.of(given);
    if (known.isPresent()) {
      List<String> file = List.of(known.get().file);
      return new DownloadRequest(
          true, known.get().dataset, MAIN, file, List.of(), Optional.empty());
    }
    var parts = NAME.matcher(given);
    if (!parts.matches()) {
      throw new UsageException(
          "expected org/name, datasets/org/name%s, found '%s'".formatted(KnownText.words(), given));
    }
    return new DownloadRequest(
        parts.group(1) != null, parts.group(2), MAIN, List.of(), List.of(), Optional.empty());
  }

  /** Returns the repository as a user names it. */
  String label() {
    return (dataset ? "datasets/" : "") + name;
  }

  /** Returns the folder of the only file that is asked for, if it is one and not at the top. */
  Optional<String> folder() {
    return include.stream()
        .filter(path -> include.size() == 1 && path.matches("[^*?]+/[^*?]+"))
        .map(path -> path.substring(0, path.lastIndexOf('/')))
        .findFirst();
  }

  /** Returns whether a file is meant, which may yet be of a kind that is never fetched. */
  boolean asks(String path) {
    boolean included =
        include.isEmpty()
            ? dataset || OF_MODEL.matcher(path).matches()
            : matches(include.stream(), path);
    return included && !matches(exclude.stream(), path);
  }

  /** Returns whether a file is of a kind that is fetched, by its name. */
  static boolean isWanted(String path) {
    return WANTED.matcher(path).matches();
  }

  /** As Python's fnmatch, which the Hub's own tools use: {@code *} stands for slashes too. */
  private static boolean matches(Stream<String> globs, String path) {
    return globs
        .map(glob -> "(?s)\\Q" + glob.replace("*", "\\E.*\\Q").replace("?", "\\E.\\Q") + "\\E")
        .anyMatch(path::matches);
  }
}
