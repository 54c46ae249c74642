package io.github.wandacuda.select;

import io.github.wandacuda.testing.selection.MagnitudesProperties;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;

@Tag("operation")
@PropertyDefaults(tries = 200, shrinking = ShrinkingMode.BOUNDED)
class MagnitudesPropertyTest extends OnEachBackend implements MagnitudesProperties {}
