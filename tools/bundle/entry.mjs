// What the report needs of Vega and Vega-Lite, under one global name.
export {View, parse, textMetrics, resetSVGDefIds, setRandom, randomLCG} from 'vega';
export {compile} from 'vega-lite';
export {expressionInterpreter} from 'vega-interpreter';
