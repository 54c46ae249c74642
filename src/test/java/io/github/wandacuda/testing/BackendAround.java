package io.github.wandacuda.testing;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A backend that is like another one, to be changed in one respect. Closing it does nothing. */
public class BackendAround implements Backend {
  private final Backend inner;

  /** Wraps a backend. */
  public BackendAround(Backend inner) {
    this.inner = inner;
  }

  @Override
  public String name() {
    return inner.name();
  }

  @Override
  public String device() {
    return inner.device();
  }

  @Override
  public String arithmetic() {
    return inner.arithmetic();
  }

  @Override
  public Optional<Precision> precision() {
    return inner.precision();
  }

  @Override
  public Optional<Precision> residentPrecision() {
    return inner.residentPrecision();
  }

  @Override
  public String whyFloat32() {
    return inner.whyFloat32();
  }

  @Override
  public long tileBytes() {
    return inner.tileBytes();
  }

  @Override
  public MemorySegment hostMemory(long bytes, Arena arena) {
    return inner.hostMemory(bytes, arena);
  }

  @Override
  public int concurrency() {
    return inner.concurrency();
  }

  @Override
  public Selector selector() {
    return inner.selector();
  }

  @Override
  public DeviceSelector deviceSelector() {
    return inner.deviceSelector();
  }

  @Override
  public Operations operations() {
    return inner.operations();
  }

  @Override
  public Optional<ResidentMatrix> resident(Weight weight) {
    return inner.resident(weight);
  }

  @Override
  public void close() {}
}
