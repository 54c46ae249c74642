package io.github.wandacuda.hub;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Where the Hub is and how it is spoken to, by the variables that Hugging Face's own tools have.
 *
 * @param endpoint {@code HF_ENDPOINT}, without a slash at its end
 * @param token {@code HF_TOKEN}, or what the file has that {@code HF_TOKEN_PATH} names, or {@code
 *     token} in {@code HF_HOME}
 * @param stall after how long without a byte a connection counts as lost
 * @param pause before what failed is tried a second time; twice as long before the third, and so on
 */
public record HubSettings(
    URI endpoint,
    Optional<String> token,
    HubCache cache,
    ProxySelector proxies,
    Duration stall,
    Duration pause) {
  private static final String PUBLIC = "https://huggingface.co";

  public static HubSettings of(Map<String, String> environment) {
    return new HubSettings(
        endpoint(given(environment, "HF_ENDPOINT").orElse(PUBLIC)),
        token(environment),
        HubCache.of(environment),
        new Proxies(environment),
        Duration.ofSeconds(60),
        Duration.ofSeconds(1));
  }

  /** Returns the token if an address is the Hub's own and no proxy could read it on the way. */
  Optional<String> tokenFor(URI address) {
    boolean readable =
        address.getScheme().equals("http")
            && !proxies.select(address).equals(List.of(Proxy.NO_PROXY));
    return isHub(address) && !readable ? token : Optional.empty();
  }

  boolean isHub(URI address) {
    return endpoint.getAuthority().equalsIgnoreCase(address.getAuthority())
        && endpoint.getScheme().equals(address.getScheme());
  }

  private static Optional<String> given(Map<String, String> environment, String... names) {
    return Arrays.stream(names)
        .map(name -> environment.getOrDefault(name, "").strip())
        .filter(value -> !value.isEmpty())
        .findFirst();
  }

  private static URI endpoint(String given) {
    try {
      URI endpoint = URI.create(given.replaceFirst("/+$", ""));
      if (HubConnection.isWeb(endpoint)) {
        return endpoint;
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw ErrorDetails.of("HF_ENDPOINT").wrong("an address such as " + PUBLIC, Printable.of(given));
  }

  private static Optional<String> token(Map<String, String> environment) {
    Optional<String> token = given(environment, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
    if (token.isEmpty()) {
      token =
          given(environment, "HF_TOKEN_PATH")
              .map(Path::of)
              .or(() -> Optional.of(HubCache.home(environment).resolve("token")))
              .filter(Files::exists)
              .map(file -> InputFile.beginning(file, HubCache.LONGEST_WORD).strip())
              .filter(word -> !word.isEmpty());
    }
    if (token.isPresent() && !token.get().matches("[!-~]+")) {
      throw ErrorDetails.of("HF_TOKEN").wrong("a token", "other characters than one has");
    }
    return token;
  }

  /** The proxies that an environment names, else those of Java's own properties. */
  private static final class Proxies extends ProxySelector {
    private final Map<String, String> environment;

    Proxies(Map<String, String> environment) {
      this.environment = environment;
    }

    @Override
    public List<Proxy> select(URI address) {
      String variable = address.getScheme() + "_proxy";
      Optional<String> proxy =
          given(environment, variable, variable.toUpperCase(Locale.ROOT), "all_proxy", "ALL_PROXY");
      if (proxy.isEmpty()) {
        return ProxySelector.getDefault().select(address);
      }
      String direct = given(environment, "no_proxy", "NO_PROXY").orElse("");
      boolean without =
          Arrays.stream(direct.split("[,\\s]+"))
              .map(host -> host.replaceFirst("^\\*?\\.", ""))
              .filter(host -> !host.isEmpty())
              .anyMatch(host -> isWithin(address.getHost(), host));
      return without ? List.of(Proxy.NO_PROXY) : List.of(proxy(proxy.get()));
    }

    private static boolean isWithin(String host, String domain) {
      return domain.equals("*") || host.equals(domain) || host.endsWith("." + domain);
    }

    private static Proxy proxy(String given) {
      try {
        URI proxy = URI.create(given.contains("://") ? given : "http://" + given);
        int port = proxy.getPort() < 0 ? 80 : proxy.getPort();
        return new Proxy(Proxy.Type.HTTP, new InetSocketAddress(proxy.getHost(), port));
      } catch (IllegalArgumentException e) {
        throw ErrorDetails.of("the proxy that the environment names")
            .wrong("an address such as http://proxy:3128", "none");
      }
    }

    @Override
    public void connectFailed(URI address, SocketAddress proxy, IOException failure) {
      // The failed request says it.
    }
  }
}
