package io.github.wandacuda.library;

import io.github.wandacuda.hub.Download;
import io.github.wandacuda.hub.DownloadRequest;
import io.github.wandacuda.hub.HubSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Brings a model or a text from the Hugging Face Hub, as {@code wanda-cuda download} does: into the
 * cache that its tools share, or into a folder. What has arrived before isn't fetched again.
 *
 * <pre>{@code
 * Path model = ModelDownload.of("org/model").fetch().path();
 * }</pre>
 *
 * <p>Immutable; each method but {@link #fetch} returns another download. The Hub's address, token,
 * cache and proxies come from variables of the names that Hugging Face's own tools know: {@code
 * HF_ENDPOINT}, {@code HF_TOKEN}, {@code HF_HOME}, {@code HF_HUB_CACHE} and those of proxies. They
 * are the process's, or a program's own by {@link #environment}.
 */
public final class ModelDownload {
  private final DownloadRequest request;
  private final Map<String, String> environment;
  private final ModelPruner.Listener listener;

  private ModelDownload(
      DownloadRequest request, Map<String, String> environment, ModelPruner.Listener listener) {
    this.request = request;
    this.environment = environment;
    this.listener = listener;
  }

  /**
   * What is there now.
   *
   * @param path the snapshot's directory in the cache, or the folder
   * @param revision the commit, in hexadecimal
   * @param files how many
   * @param bytes of all files, those that were there before included
   */
  public record Result(Path path, String revision, long files, long bytes) {}

  /**
   * Names what is wanted.
   *
   * @param name {@code org/name} of a model, {@code datasets/org/name}, or {@code c4} or {@code
   *     wikitext2}
   * @return its download, of the branch {@code main} and the kinds of files that the command takes
   * @throws IllegalArgumentException if it is no such name
   */
  public static ModelDownload of(String name) {
    Objects.requireNonNull(name, "name");
    return Calls.argument(
        () ->
            new ModelDownload(
                DownloadRequest.of(name), System.getenv(), (what, done, total, share) -> {}));
  }

  private ModelDownload with(
      String revision, List<String> include, List<String> exclude, Optional<Path> output) {
    return Calls.argument(
        () ->
            new ModelDownload(
                new DownloadRequest(
                    request.dataset(), request.name(), revision, include, exclude, output),
                environment,
                listener));
  }

  /**
   * Takes another state of the repository.
   *
   * @param name a branch, a tag or a commit
   * @return such a download
   * @throws IllegalArgumentException if it can't be one
   */
  public ModelDownload revision(String name) {
    return with(name, request.include(), request.exclude(), request.output());
  }

  /**
   * Chooses files by globs of their paths.
   *
   * @param included one of these has to match; none for the kinds of files that the command takes
   * @param excluded none of these may match
   * @return such a download
   */
  public ModelDownload files(List<String> included, List<String> excluded) {
    return with(request.revision(), included, excluded, request.output());
  }

  /**
   * Puts the files into a folder instead of the cache.
   *
   * @param folder which is made if it isn't there; only files of this download's names are replaced
   * @return such a download
   */
  public ModelDownload into(Path folder) {
    return with(request.revision(), request.include(), request.exclude(), Optional.of(folder));
  }

  /**
   * Takes variables of a program's own in place of the process's environment, of which nothing is
   * read then: a token from a vault, a mirror's address, a cache on another disk.
   *
   * @param variables by name; those that aren't known are left alone
   * @return such a download
   */
  public ModelDownload environment(Map<String, String> variables) {
    return new ModelDownload(request, Map.copyOf(variables), listener);
  }

  /**
   * Sets what hears how far the download is.
   *
   * @param hears called by one thread at a time
   * @return such a download
   */
  public ModelDownload listener(ModelPruner.Listener hears) {
    return new ModelDownload(request, environment, Objects.requireNonNull(hears, "hears"));
  }

  /**
   * Fetches what isn't there yet, and checks it against the Hub's digests.
   *
   * @return where it is
   * @throws IOException if the Hub can't be reached, has no such repository or file, or answers
   *     what it shouldn't, or the disk can't be written; what has arrived is kept
   * @throws java.util.concurrent.CancellationException if the calling thread is interrupted
   */
  public Result fetch() throws IOException {
    return Calls.of(
        () -> {
          Download.Result found =
              new Download(HubSettings.of(environment), request).run(listener::done);
          return new Result(found.path(), found.revision(), found.files(), found.bytes());
        });
  }
}
